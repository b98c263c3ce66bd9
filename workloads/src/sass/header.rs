//! The header of a kernel's trace: lines `-key = value`, then one that says how instructions are written.

use super::fields::{bounded, decimal, hexadecimal, shown};
use super::lines::Lines;
use super::{TraceError, WARP};

/// The newest tracer whose lines are understood.
pub const NEWEST_TRACER: u32 = 6;
/// Threads of a thread block at most, on every GPU (CUDA programming guide, compute capabilities).
const BLOCK_LIMIT: u64 = 1024;
/// Bytes of the windows of shared and of local memory in the address space (NVBit's `nvbit.h`).
const WINDOW_BYTES: u64 = 16 << 20;

/// What a trace says of its kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The kernel's name, mangled.
    pub name: String,
    /// Its number among the launches.
    pub id: u64,
    /// Thread blocks of the grid along x, y and z; none is 0.
    pub grid: [u64; 3],
    /// Threads of a block along x, y and z; 1 to 1024 together.
    pub block: [u64; 3],
    /// Bytes of shared memory of a block.
    pub shared_bytes: u64,
    /// Registers of a thread.
    pub registers: u64,
    /// Binary version: the family of the GPU, such as 61 for SM 6.1.
    pub sm: u64,
    /// CUDA stream.
    pub stream: u64,
    /// Where the window of shared memory begins in the generic address space, if that is known.
    pub shared_base: Option<u64>,
    /// Where the window of local memory begins, if that is known.
    pub local_base: Option<u64>,
    /// Version of NVBit; empty if it is not told.
    pub nvbit: String,
    /// Version of the tracer; 0 if it is not told.
    pub tracer: u32,
    /// How instructions are written.
    pub layout: Layout,
}

/// What a line of an instruction holds beside its program counter, mask, registers and addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// It begins with the thread block and the warp: tracers before version 3.
    pub leading_ids: bool,
    /// Then comes the line of the source: from version 4 on, if asked for.
    pub source_line: bool,
    /// Immediates at its end: one or two from version 5 on.
    pub immediates: usize,
    /// Behind them `NoVal`, or `Val` and the values of the registers: version 6.
    pub values: bool,
}

impl Header {
    /// Thread blocks of the grid.
    pub fn blocks(&self) -> u64 {
        self.grid.iter().product()
    }

    /// Warps of a thread block.
    pub fn warps(&self) -> u64 {
        self.block.iter().product::<u64>().div_ceil(WARP.into())
    }

    /// Whether a generic `address` lies in the window of shared memory.
    pub fn is_shared(&self, address: u64) -> bool {
        within(self.shared_base, address)
    }

    /// Whether a generic `address` lies in the window of local memory.
    pub fn is_local(&self, address: u64) -> bool {
        within(self.local_base, address)
    }

    /// Reads the header, up to and with the line that says how instructions are written.
    pub(crate) fn read(lines: &mut Lines) -> Result<Self, TraceError> {
        let mut header = Self::default();
        let mut found = Vec::new();
        let mut lineinfo = false;
        loop {
            lines.require("a header, `-key = value`, and a line `#traces format = ...`")?;
            let line = lines.text();
            if let Some(format) = line.strip_prefix("#traces format =") {
                header.require_all(&found).map_err(|problem| lines.problem(problem))?;
                header.layout = Layout::read(format, header.tracer, lineinfo)
                    .map_err(|problem| lines.problem(problem))?;
                return Ok(header);
            }
            let Some((key, value)) = line.strip_prefix('-').and_then(|line| line.split_once('=')) else {
                let problem = format!(
                    "found `{}`; expected the header of a kernel's trace, `-key = value`, or its end, \
                     `#traces format = ...`",
                    shown(line)
                );
                return Err(lines.problem(problem));
            };
            let (key, value) = (key.trim(), value.trim());
            header.set(key, value, &mut lineinfo).map_err(|problem| lines.problem(problem))?;
            found.push(key.to_owned());
        }
    }

    /// Keys that are not known say nothing that is needed.
    fn set(&mut self, key: &str, value: &str, lineinfo: &mut bool) -> Result<(), String> {
        let number = |most| bounded(decimal(value), value, key, most);
        let address = || {
            let parsed = hexadecimal(value);
            parsed.ok_or_else(|| format!("{key} `{}`; expected a hexadecimal number", shown(value)))
        };
        match key {
            "kernel name" => self.name = value.to_owned(),
            "kernel id" => self.id = number(u64::MAX)?,
            "grid dim" => self.grid = size(value, key, u64::MAX)?,
            "block dim" => self.block = size(value, key, BLOCK_LIMIT)?,
            "shmem" => self.shared_bytes = number(u64::MAX)?,
            "nregs" => self.registers = number(256)?,
            "binary version" => self.sm = number(u64::MAX)?,
            "cuda stream id" => self.stream = number(u64::MAX)?,
            "shmem base_addr" => self.shared_base = Some(address()?),
            "local mem base_addr" => self.local_base = Some(address()?),
            "nvbit version" => self.nvbit = value.to_owned(),
            "accelsim tracer version" => self.tracer = number(NEWEST_TRACER.into())? as u32,
            "enable lineinfo" => *lineinfo = number(1)? == 1,
            _ => {}
        }
        Ok(())
    }

    fn require_all(&self, found: &[String]) -> Result<(), String> {
        const NEEDED: [&str; 6] =
            ["kernel name", "grid dim", "block dim", "shmem", "nregs", "binary version"];
        match NEEDED.iter().find(|key| !found.iter().any(|have| have == *key)) {
            Some(key) => Err(format!("the header ends without a line `-{key} = ...`")),
            None => Ok(()),
        }
    }
}

impl Layout {
    /// Reads what follows `#traces format =`. Only its end counts: version 5 has two forms, and version 3
    /// still names the ids that its lines lack.
    fn read(format: &str, tracer: u32, lineinfo: bool) -> Result<Self, String> {
        let mut words = format.split_ascii_whitespace();
        if !words.any(|word| word == "[mem_addresses]") {
            return Err("the format of instructions does not name `[mem_addresses]`".into());
        }
        let mut layout =
            Self { leading_ids: tracer < 3, source_line: lineinfo, immediates: 0, values: false };
        for word in words {
            match word {
                "immediate" | "immediate1" | "immediate2" if !layout.values => layout.immediates += 1,
                "Val|NoVal" => layout.values = true,
                _ if layout.values => {}
                _ => {
                    return Err(format!(
                        "the format of instructions has `{}` behind the addresses; allowed: immediate, \
                         immediate1, immediate2, Val|NoVal",
                        shown(word)
                    ));
                }
            }
        }
        if layout.immediates > 2 {
            return Err(format!(
                "the format of instructions has {} immediates; allowed: 0, 1, 2",
                layout.immediates
            ));
        }
        Ok(layout)
    }
}

fn within(base: Option<u64>, address: u64) -> bool {
    base.is_some_and(|base| address.checked_sub(base).is_some_and(|offset| offset < WINDOW_BYTES))
}

/// `(x,y,z)`, none of them 0, with a product of at most `most`.
fn size(text: &str, what: &str, most: u64) -> Result<[u64; 3], String> {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let size = inner.and_then(position).filter(|size| {
        let product = size.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
        product.is_some_and(|product| (1..=most).contains(&product))
    });
    size.ok_or_else(|| format!("{what} `{}`; expected (x,y,z), from 1 to {most} together", shown(text)))
}

/// `x,y,z`.
pub(crate) fn position(text: &str) -> Option<[u64; 3]> {
    let mut numbers = text.split(',').map(|number| decimal(number.trim()));
    let position = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(position)
}
