//! A matrix product C = A B as a kernel sees it: shapes, where the matrices lie, and their values.

use std::sync::Arc;

use compaction_engine::{ColumnValues, Matrix};
use gpu_model::kernel::{Allocation, Memory};

/// How a matrix is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row after row.
    RowMajor,
    /// Column after column.
    ColumnMajor,
    /// Panels of `leading` rows, each panel column after column: what a kernel reads that walks down K for
    /// a tile of rows. Weights are packed so once, when they are loaded.
    Panels,
}

/// Where a matrix of `rows` x `columns` 4-byte elements lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Byte address of its first element.
    pub base: u64,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u64,
    /// Leading dimension in elements; for panels, rows of a panel.
    pub leading: u64,
    /// Order of elements.
    pub order: Order,
}

impl Placement {
    /// Byte address of element (`row`, `column`); rows and columns of the padding have addresses too.
    pub fn address(&self, row: u64, column: u64) -> u64 {
        let element = match self.order {
            Order::RowMajor => row * self.leading + column,
            Order::ColumnMajor => column * self.leading + row,
            Order::Panels => {
                row / self.leading * self.columns * self.leading + column * self.leading + row % self.leading
            }
        };
        self.base + 4 * element
    }

    /// The element at a byte address of the matrix, padding included: its row and column.
    pub fn element(&self, address: u64) -> (u64, u64) {
        let element = (address - self.base) / 4;
        let (major, minor) = (element / self.leading, element % self.leading);
        match self.order {
            Order::RowMajor => (major, minor),
            Order::ColumnMajor => (minor, major),
            Order::Panels => (major / self.columns * self.leading + minor, major % self.columns),
        }
    }

    /// Bytes, padding included.
    pub fn bytes(&self) -> u64 {
        4 * match self.order {
            Order::RowMajor => self.rows * self.leading,
            Order::ColumnMajor => self.columns * self.leading,
            Order::Panels => self.rows.next_multiple_of(self.leading) * self.columns,
        }
    }

    fn holds(&self, address: u64) -> bool {
        (self.base..self.base + self.bytes()).contains(&address)
    }
}

/// The layouts that a kernel wants, with leading dimensions.
#[derive(Clone, Copy, Debug)]
pub struct Layouts {
    /// A, M x K.
    pub a: (Order, u64),
    /// B, K x N.
    pub b: (Order, u64),
    /// C, M x N.
    pub c: (Order, u64),
}

/// Elements of a line: leading dimensions are multiples of it.
pub const LINE_ELEMENTS: u64 = 16;

/// Bytes between the starts of allocations: a page.
const ALIGNMENT: u64 = 4096;

/// A matrix product.
#[derive(Clone)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of A, rows of B.
    pub k: u32,
    /// Columns of B and C.
    pub n: u64,
    /// Values of B.
    pub b: Arc<dyn ColumnValues>,
    /// Share of non-zeros in B that is expected; kernels choose their tiles by it, nothing else.
    pub density: f64,
}

impl std::fmt::Debug for Gemm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gemm {{ m: {}, k: {}, n: {} }}", self.m, self.k, self.n)
    }
}

/// Where the matrices of a product lie for one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placements {
    /// A.
    pub a: Placement,
    /// B.
    pub b: Placement,
    /// C.
    pub c: Placement,
}

impl Gemm {
    /// A product with an M x K matrix; `density` is the share of non-zeros that is expected in B.
    pub fn new(m: u32, b: Arc<dyn ColumnValues>, density: f64) -> Self {
        Self { m, k: b.rows(), n: b.columns(), b, density }
    }

    /// Multiply-adds.
    pub fn macs(&self) -> u64 {
        u64::from(self.m) * u64::from(self.k) * self.n
    }

    /// Places A, B and C one behind the other.
    pub fn place(&self, layouts: Layouts) -> Placements {
        let (m, k, n) = (u64::from(self.m), u64::from(self.k), self.n);
        let mut base = ALIGNMENT;
        let mut place = |rows, columns, (order, leading)| {
            let placement = Placement { base, rows, columns, leading, order };
            base = (base + placement.bytes()).next_multiple_of(ALIGNMENT);
            placement
        };
        Placements { a: place(m, k, layouts.a), b: place(k, n, layouts.b), c: place(m, n, layouts.c) }
    }
}

impl Placements {
    /// What they take of memory.
    pub fn allocations(&self) -> Vec<Allocation> {
        [("A", &self.a), ("B", &self.b), ("C", &self.c)]
            .into_iter()
            .map(|(name, p)| Allocation { name, base: p.base, bytes: p.bytes() })
            .collect()
    }

    /// B as it is registered with the compaction engine.
    pub fn registered_b(&self, gemm: &Gemm) -> Matrix {
        assert_eq!(self.b.order, Order::ColumnMajor, "the engine reads a column-major B");
        Matrix { base: self.b.base, ldb: self.b.leading, values: gemm.b.clone() }
    }
}

/// Memory contents of a product: A and B to read, C to write.
pub struct GemmMemory<'a> {
    gemm: &'a Gemm,
    placements: Placements,
    /// A, row-major.
    a: &'a [f32],
    /// C, row-major, as far as it has been written.
    c: Vec<f32>,
    strays: u64,
}

impl<'a> GemmMemory<'a> {
    /// `a` holds A row-major.
    pub fn new(gemm: &'a Gemm, placements: Placements, a: &'a [f32]) -> Self {
        let c = vec![f32::NAN; gemm.m as usize * gemm.n as usize];
        Self { gemm, placements, a, c, strays: 0 }
    }

    /// C, row-major; NaN where nothing was stored.
    pub fn c(&self) -> &[f32] {
        &self.c
    }

    /// Accesses outside every matrix.
    pub fn strays(&self) -> u64 {
        self.strays
    }
}

impl Memory for GemmMemory<'_> {
    fn load(&self, address: u64) -> f32 {
        let Placements { a, b, .. } = &self.placements;
        let inside = |p: &Placement| {
            let (row, column) = p.element(address);
            (row < p.rows && column < p.columns).then_some((row, column))
        };
        if a.holds(address) {
            inside(a).map_or(0.0, |(row, column)| self.a[(row * a.columns + column) as usize])
        } else if b.holds(address) {
            inside(b).map_or(0.0, |(row, column)| self.gemm.b.value(row as u32, column))
        } else {
            f32::NAN // whatever lies there, it is no element of A or B
        }
    }

    fn store(&mut self, address: u64, value: f32) {
        let c = &self.placements.c;
        if !c.holds(address) {
            self.strays += 1;
            return;
        }
        let (row, column) = c.element(address);
        if row < c.rows && column < c.columns {
            self.c[(row * c.columns + column) as usize] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_elements_are_inverse() {
        for (order, leading) in [(Order::RowMajor, 48), (Order::ColumnMajor, 80), (Order::Panels, 64)] {
            let p = Placement { base: 4096, rows: 70, columns: 33, leading, order };
            let mut seen = std::collections::HashSet::new();
            for row in 0..70 {
                for column in 0..33 {
                    let address = p.address(row, column);
                    assert!(p.holds(address) && seen.insert(address));
                    assert_eq!(p.element(address), (row, column));
                }
            }
        }
    }
}
