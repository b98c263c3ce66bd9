//! `relu`: y = max(x, 0), an element a thread, one wavefront a workgroup, as MGPUSim's benchmark has it:
//! 27 instructions a wavefront (13 VALU, 7 scalar, 2 vector memory, 1 branch, 4 others).

use gpu_model::instruction::{ANY, Instruction, LANES, Op, VectorAccess};
use gpu_model::kernel::{Allocation, Cursor, Kernel, Resources, Script, Step, Values};

const LOAD: u32 = 1;
const STORE: u32 = 2;

/// Bytes of an element.
const ELEMENT: u64 = 4;
/// Byte address of the first element of x; y follows.
const BASE: u64 = 4096;

/// ReLU over `elements` elements.
#[derive(Debug)]
pub struct Relu {
    script: Script,
    elements: u64,
}

/// A wavefront, which is a workgroup.
#[derive(Debug)]
pub struct Wavefront {
    cursor: Cursor,
    workgroup: u64,
    values: Option<Box<[f32; LANES as usize]>>,
}

impl Relu {
    /// The kernel for `elements` elements.
    pub fn new(elements: u64) -> Self {
        let prologue: Vec<Instruction> = vec![
            Op::ScalarLoad.into(),
            Op::ScalarLoad.into(),
            Op::Wait { vector: ANY, lds: 0 }.into(),
            Op::Salu { count: 4 }.into(),
            Op::Valu { count: 3 }.into(),
            Op::Branch { taken: false }.into(),
            Op::ScalarLoad.into(),
            Op::Wait { vector: ANY, lds: 0 }.into(),
            Op::Valu { count: 5 }.into(),
            Op::Load.tagged(LOAD),
            Op::Valu { count: 4 }.into(),
            Op::Wait { vector: 0, lds: ANY }.into(),
            Op::Valu { count: 1 }.into(),
            Op::Store.tagged(STORE),
        ];
        let script = Script { prologue, body: Vec::new(), epilogue: vec![Op::End.into()] };
        Self { script, elements }
    }

    /// What it takes of memory.
    pub fn allocations(&self) -> Vec<Allocation> {
        let bytes = self.elements * ELEMENT;
        vec![
            Allocation { name: "x", base: BASE, bytes },
            Allocation { name: "y", base: self.result_base(), bytes },
        ]
    }

    /// Byte address of the first element of y.
    pub fn result_base(&self) -> u64 {
        BASE + (self.elements * ELEMENT).next_multiple_of(4096)
    }
}

impl Kernel for Relu {
    type Wavefront = Wavefront;

    fn name(&self) -> &str {
        "relu"
    }

    fn workgroups(&self) -> u64 {
        self.elements.div_ceil(LANES.into())
    }

    fn resources(&self) -> Resources {
        Resources { wavefronts: 1, vgprs: 8, lds_bytes: 0 }
    }

    fn launch(&self, workgroup: u64, _index: u32, verify: bool) -> Wavefront {
        Wavefront {
            cursor: Cursor::default(),
            workgroup,
            values: verify.then(|| Box::new([0.0; LANES as usize])),
        }
    }

    fn next(&self, wavefront: &mut Wavefront) -> Instruction {
        self.script.next(&mut wavefront.cursor, 0)
    }

    fn access(&self, wavefront: &Wavefront, tag: u32) -> VectorAccess {
        let first = wavefront.workgroup * u64::from(LANES);
        let active = (self.elements - first).min(LANES.into()) as u32;
        let mut access = VectorAccess::new(LANES, active, ELEMENT as u32);
        let base = if tag == LOAD { BASE } else { self.result_base() };
        access.rows[0] = base + first * ELEMENT;
        access
    }

    fn execute(&self, wavefront: &mut Wavefront, tag: u32, step: Step<'_>, values: &mut Values<'_>) {
        let Some(registers) = &mut wavefront.values else { return };
        match (tag, step) {
            (LOAD, Step::Loaded(access)) => {
                for (lane, address) in access.lanes() {
                    registers[lane as usize] = values.memory.load(address).max(0.0);
                }
            }
            (STORE, Step::Issued(Some(access))) => {
                for (lane, address) in access.lanes() {
                    values.memory.store(address, registers[lane as usize]);
                }
            }
            _ => {}
        }
    }
}
