//! What ends a run without a result, and what the error says.

use compaction_engine::Matrix;
use gpu_model::gpu::{Gpu, SimError};
use gpu_model::instruction::{ANY, Op};

use crate::bench::{BASE, Program, line_access, machine, registered, run_with};

/// A sparse load at a byte address.
fn sparse_load(address: u64, matrix: Option<Matrix>) -> Result<(), SimError> {
    let mut access = line_access(0);
    access.rows[0] = address;
    let program = Program::of(vec![Op::SparseLoad.tagged(0), Op::Wait { vector: 0, lds: ANY }.into()]);
    run_with(&machine(), &program.with_accesses([access]), matrix).map(|_| ())
}

#[test]
fn a_sparse_load_outside_the_matrix_names_address_and_kernel() {
    // Given a matrix of 40 rows (3 lines a column, 48 elements apart) and 5 columns.
    let matrix = || Some(registered(40, 5, |row, column| (row + column as u32) as f32));
    let column = 48 * 4;
    for inside in [BASE, BASE + column, BASE + 4 * column + 128] {
        assert_eq!(sparse_load(inside, matrix()), Ok(()), "{inside:#x}");
    }
    for outside in [BASE - 64, 0, BASE + 5 * column, BASE + (1 << 30)] {
        let error = SimError::OutsideMatrix { kernel: "program".into(), address: outside };
        let message = error.to_string();
        assert_eq!(sparse_load(outside, matrix()), Err(error));
        assert!(message.contains("program") && message.contains(&format!("{outside:#x}")), "{message}");
    }
    // Given no matrix at all, every sparse load is outside.
    let error = SimError::OutsideMatrix { kernel: "program".into(), address: BASE };
    assert_eq!(sparse_load(BASE, None), Err(error));
}

#[test]
fn a_workgroup_that_fits_no_compute_unit_is_refused_with_both_sizes() {
    let refused = |change: fn(&mut Program), expected: &str| {
        let mut program = Program::of(Vec::new());
        change(&mut program);
        match run_with(&machine(), &program, None) {
            Err(SimError::Setup(why)) => assert!(why.contains("program") && why.contains(expected), "{why}"),
            other => panic!("{other:?}"),
        }
    };
    refused(|program| program.vgprs = 257, "260 vector registers");
    refused(|program| program.lds_bytes = (64 << 10) + 4, "65540 bytes of LDS");
    refused(|program| program.wavefronts = vec![vec![Op::End.into()]; 11], "11 wavefronts");
    // The largest that fits is not.
    let mut program = Program::of_wavefronts(vec![Vec::new(); 10]);
    program.lds_bytes = 64 << 10;
    program.vgprs = 24;
    assert!(run_with(&machine(), &program, None).is_ok());
}

#[test]
fn work_that_nobody_can_finish_is_a_deadlock_that_names_who_waits_for_what() {
    // Given workgroups without a wavefront, nobody ever tells the dispatcher that they are complete.
    let mut program = Program::of_wavefronts(Vec::new());
    program.workgroups = 3;
    match run_with(&machine(), &program, None) {
        Err(error @ SimError::Deadlock { .. }) => {
            let message = error.to_string();
            assert!(message.contains("program"), "{message}");
            assert!(message.contains("dispatcher: 3 of 3 workgroups dispatched, 0 complete"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_rows_than_an_index_can_name_are_refused() {
    let matrix = registered(65_537, 1, |_, _| 0.0);
    let refused = Gpu::new(&machine(), Some(matrix)).map(|_| ());
    assert!(
        matches!(&refused, Err(SimError::Setup(why)) if why.contains("65537") && why.contains("65536")),
        "{refused:?}"
    );
}

#[test]
fn channels_that_do_not_divide_the_slices_are_refused() {
    let mut machine = machine();
    machine.gpu.l2.slices = 4;
    machine.gpu.dram.channels = 3;
    let refused = Gpu::new(&machine, None).map(|_| ());
    assert!(
        matches!(&refused, Err(SimError::Setup(why)) if why.contains('4') && why.contains('3')),
        "{refused:?}"
    );
}
