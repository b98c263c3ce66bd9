//! The kernels, one file each. Each file's head says which public kernel it follows, its tiling, its
//! loads and its instruction mix.
//!
//! How to add one: implement [`gpu_model::Kernel`] in a file of its own, list it here, and give it a mode
//! in the command's `simulate.rs`. Its property test in `tests/kernels.rs` runs it on random shapes.

pub mod dense;
pub mod dense_tiled;
pub mod relu;
pub mod spartan;
pub mod spartan_plain;

pub use dense::Dense;
pub use dense_tiled::DenseTiled;
pub use relu::Relu;
pub use spartan::Spartan;
pub use spartan_plain::SpartanPlain;

use std::fmt;
use std::ops::Range;

use crate::gemm::{Gemm, LINE_ELEMENTS, Layouts, Order};
use crate::params::DispatchOrder;

/// The tiles of C, in order of dispatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    tile_rows: u64,
    tile_columns: u64,
    down: u64,
    across: u64,
    n_fastest: bool,
}

impl Tiles {
    /// Tiles of `tile_rows` x `tile_columns`; `own` is the kernel's own order.
    fn new(gemm: &Gemm, tile_rows: u64, tile_columns: u64, order: DispatchOrder, own: DispatchOrder) -> Self {
        let order = if order == DispatchOrder::Kernel { own } else { order };
        Self {
            tile_rows,
            tile_columns,
            down: u64::from(gemm.m).div_ceil(tile_rows),
            across: gemm.n.div_ceil(tile_columns),
            n_fastest: order == DispatchOrder::NFastest,
        }
    }

    /// Elements of a tile.
    pub(crate) fn area(&self) -> u64 {
        self.tile_rows * self.tile_columns
    }

    /// Tiles in a column of tiles.
    pub(crate) fn down(&self) -> u64 {
        self.down
    }

    fn count(&self) -> u64 {
        self.down * self.across
    }

    /// Workgroups that follow each other and share their columns of B; 1 where neighbours have other columns.
    pub(crate) fn sharing_columns(&self) -> u64 {
        if self.n_fastest { 1 } else { self.down }
    }

    /// Columns of a workgroup's tile; beyond the matrix, too, where it ends in the middle of a tile.
    pub(crate) fn columns(&self, workgroup: u64) -> Range<u64> {
        let (_, column) = self.origin(workgroup);
        column..column + self.tile_columns
    }

    /// First row and column of a workgroup's tile.
    fn origin(&self, workgroup: u64) -> (u64, u64) {
        let (row, column) = if self.n_fastest {
            (workgroup / self.across, workgroup % self.across)
        } else {
            (workgroup % self.down, workgroup / self.down)
        };
        (row * self.tile_rows, column * self.tile_columns)
    }
}

/// A tile's "ROWSxCOLUMNS".
impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.tile_rows, self.tile_columns)
    }
}

/// Float4 registers of a wavefront, filled from and written to the addresses of an access.
mod f4 {
    use gpu_model::instruction::VectorAccess;
    use gpu_model::kernel::Memory;

    /// Loads each active lane's float4; the other lanes become zero.
    pub(super) fn load(access: &VectorAccess, memory: &dyn Memory, registers: &mut [[f32; 4]]) {
        registers.fill([0.0; 4]);
        for (lane, address) in access.lanes() {
            for (i, value) in registers[lane as usize].iter_mut().enumerate() {
                *value = memory.load(address + 4 * i as u64);
            }
        }
    }

    /// Stores each active lane's float4.
    pub(super) fn store(access: &VectorAccess, memory: &mut dyn Memory, registers: &[[f32; 4]]) {
        for (lane, address) in access.lanes() {
            for (i, value) in registers[lane as usize].iter().enumerate() {
                memory.store(address + 4 * i as u64, *value);
            }
        }
    }
}

/// The tile of C that a workgroup computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileChoice {
    /// The one with the shortest estimated time.
    Auto,
    /// This one.
    Given {
        /// Rows.
        rows: u32,
        /// Columns.
        columns: u32,
    },
}

impl std::str::FromStr for TileChoice {
    type Err = String;

    /// Reads "auto" or "ROWSxCOLUMNS".
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let sides = text.split_once('x').and_then(|(rows, columns)| {
            Some(Self::Given { rows: rows.parse().ok()?, columns: columns.parse().ok()? })
        });
        sides.ok_or_else(|| {
            format!("kernel.tile = {text:?}: write \"auto\" or \"ROWSxCOLUMNS\", such as \"128x64\"")
        })
    }
}

/// Layouts of the kernels on the engine: A packed in panels of `panel` rows, B as the engine reads it,
/// and C column-major, each column padded to whole panels, since lanes are rows.
fn sparse_layouts(gemm: &Gemm, panel: u64) -> Layouts {
    Layouts {
        a: (Order::Panels, panel),
        b: (Order::ColumnMajor, u64::from(gemm.k).next_multiple_of(LINE_ELEMENTS)),
        c: (Order::ColumnMajor, u64::from(gemm.m).next_multiple_of(panel).next_multiple_of(LINE_ELEMENTS)),
    }
}
