//! Damaged and foreign files: an error that names the line, never a panic and never half a trace.

use proptest::prelude::*;
use workloads::sass::Reader;

use crate::{Trace, problem, read};

const LOAD: &str = "0000 0000000f 1 R4 LDG.E 1 R2 4 1 0x7f00 4";

/// A file that ends early is refused wherever it ends; only blanks at its end may be missing.
#[test]
fn a_file_cut_anywhere_is_refused() {
    let v6 = Trace { tracer: 6, lineinfo: true, tail: "immediate1 immediate2 Val|NoVal" };
    let v1 = Trace { tracer: 1, lineinfo: false, tail: "" };
    for text in [
        Trace::V4.text(&format!("{LOAD}\n0010 ffffffff 0 EXIT 0 0")),
        v6.text("12 0000 00000003 1 R4 LDG.E 1 R2 4 2 0x7f00 -4 1 2 Val 1 0x7 2 1 2"),
        v1.text("0 0 0 0 0000 00000005 1 R4 LDG.E 1 R2 4 0 0x7f00 0x7f80"),
    ] {
        let whole = read(&text).unwrap();
        for end in 0..text.len() {
            match read(&text[..end]) {
                Ok(instructions) => {
                    assert!(text[..end].ends_with("#END_TB"), "{end} bytes are taken for a whole trace");
                    assert_eq!(instructions, whole);
                }
                Err(error) => assert!(error.to_string().starts_with("test.traceg:"), "{error}"),
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_header_is_said() {
    let text = Trace::V4.text(LOAD);
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        problem(&text.replacen(from, to, 1))
    };
    for (found, expected) in [
        (problem(""), "1: the file ends; expected a header, `-key = value`"),
        (problem("PK\u{3}\u{4}"), "1: found `PK\u{3}\u{4}`; expected the header of a kernel's trace"),
        (problem("120 0x4f80 R\n"), "1: found `120 0x4f80 R`; expected the header of a kernel's trace"),
        (with("-nregs = 24\n", ""), "14: the header ends without a line `-nregs = ...`"),
        (with("(1,1,1)", "(1,1)"), "3: grid dim `(1,1)`; expected (x,y,z), from 1 to"),
        (with("(1,1,1)", "(0,1,1)"), "3: grid dim `(0,1,1)`"),
        (with("(1,1,1)", "(4294967296,4294967296,1)"), "3: grid dim `(4294967296,4294967296,1)`"),
        (
            with("(32,1,1)", "(1025,1,1)"),
            "4: block dim `(1025,1,1)`; expected (x,y,z), from 1 to 1024 together",
        ),
        (with("= 86", "= sm_86"), "7: binary version `sm_86`; expected a whole number"),
        (with("0x00007f0001", "0xg"), "9: shmem base_addr `0xg000000`; expected a hexadecimal number"),
        (
            with("lineinfo = 0", "lineinfo = 2"),
            "13: enable lineinfo `2`; expected a whole number of at most 1",
        ),
        (with("[mem_addresses]", ""), "15: the format of instructions does not name `[mem_addresses]`"),
        (with("[mem_addresses]", "[mem_addresses] mood"), "15: the format of instructions has `mood` behind"),
        (with("#traces format =", "#formats ="), "15: found `#formats = [line_num] PC"),
    ] {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn what_is_wrong_with_the_structure_is_said() {
    let text = Trace::V4.text(LOAD);
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        problem(&text.replacen(from, to, 1))
    };
    let first = "instruction 1 of 1 of warp 0 of thread block 0,0,0";
    for (found, expected) in [
        (
            with("#BEGIN_TB", "#BEGIN"),
            "19: found `#BEGIN`; expected #BEGIN_TB, or the end of the file".into(),
        ),
        (
            with("block = 0,0,0", "block = 0,1,0"),
            "21: found `thread block = 0,1,0`; expected `thread block".into(),
        ),
        (with("warp = 0", "warp = 1"), "23: warp `1`; expected a whole number of at most 0".into()),
        (with("warp = 0", "wrap = 0"), "23: found `wrap = 0`; expected `warp = n` or #END_TB".into()),
        (with("insts = 1", "insts = -1"), "24: found `insts = -1`; expected `insts = n`".into()),
        (with("insts = 1", "insts = 0"), format!("25: found `{LOAD}`; expected `warp = n` or #END_TB")),
        (with(&format!("{LOAD}\n"), ""), format!("26: found `#END_TB`; expected {first}")),
        (with("insts = 1", "insts = 2"), "27: found `#END_TB`; expected instruction 2 of 2 of warp 0".into()),
        (
            with("\n\n#END_TB", "\nwarp = 0\ninsts = 0\n\n#END_TB"),
            "26: warp 0 a second time in its thread block".into(),
        ),
        (with("#END_TB\n", &format!("#END_TB\n{LOAD}")), "28: found `0000".into()),
        (
            with("#END_TB\n", "#END_TB\n#BEGIN_TB\nthread block = 0,0,0\n#END_TB\n"),
            "28: another thread block, after all 1 of the grid".into(),
        ),
        (
            with("0,0,0\n", "0,0,0\ncluster rank = x\n"),
            "22: found `cluster rank = x`; expected `cluster id".into(),
        ),
    ] {
        assert!(found.starts_with(&expected), "{found}\n{expected}");
    }
}

#[test]
fn what_is_wrong_with_an_instruction_is_said() {
    let long = format!("0000 ffffffff 0 {} 0 0", "X".repeat(1 << 16));
    for (line, expected) in [
        ("0000", "the line ends where the mask should be"),
        ("00g0 f 0 NOP 0 0", "program counter `00g0`; expected a hexadecimal number"),
        ("0000 1ffffffff 0 NOP 0 0", "mask `1ffffffff`; expected a hexadecimal number of at most 0xffffffff"),
        ("0000 f 9 R1", "number of destination registers `9`; expected a whole number of at most 8"),
        ("0000 f 1 Q1 NOP 0 0", "destination register `Q1`; expected R0 to R255, or UR0 to UR255"),
        ("0000 f 1 R256 NOP 0 0", "destination register `R256`"),
        ("0000 f 0 NOP 1 R 0", "source register `R`"),
        ("0000 f 0 NOP 0 x", "width of the access `x`; expected a whole number"),
        ("0000 f 0 NOP 0 0 7", "`7` where the line should end"),
        ("0000 f 0 LDG 0 4 3 0x0", "mode of the addresses `3`; allowed: 0 (a list), 1 (base and stride)"),
        ("0000 f 0 LDG 0 4 0 0x0 0x4 0x8", "the line ends where the address should be"),
        ("0000 f 0 LDG 0 4 1 0x0 a", "stride `a`; expected a whole number of 64 bits"),
        ("0000 5 0 LDG 0 4 1 0x0 4", "addresses by a stride, with mask 00000005 of lanes that do not adjoin"),
        ("0000 3 0 LDG 0 4 1 0x0 -4", "addresses from 0x0 on leave the 64 bits that an address has"),
        ("0000 3 0 LDG 0 4 2 0xffffffffffffffff 1", "addresses from 0xffffffffffffffff on leave"),
        ("0000 f 0 LDG 0 4 2 0x0 4 4", "the line ends where the difference of addresses should be"),
        (&long, "the line is longer than 65536 bytes"),
    ] {
        let found = problem(&Trace::V4.text(line));
        assert!(found.starts_with(&format!("25: {expected}")), "{found}\n{expected}");
        assert!(found.len() < 200 && !found.contains('\n'), "{found}");
    }
    let v6 = Trace { tracer: 6, lineinfo: false, tail: "immediate1 immediate2 Val|NoVal" };
    for (line, expected) in [
        ("0000 f 0 NOP 0 0 1 2", "the line ends where the Val or NoVal should be"),
        ("0000 f 0 NOP 0 0 1 2 Vale", "found `Vale`; expected Val or NoVal"),
        (
            "0000 f 0 NOP 1 R1 0 1 2 Val 33",
            "number of a register's values `33`; expected a whole number of at most",
        ),
        ("0000 f 0 NOP 1 R1 0 1 2 Val 2 0x1", "the line ends where the value of a register should be"),
    ] {
        let found = problem(&v6.text(line));
        assert!(found.starts_with(&format!("25: {expected}")), "{found}\n{expected}");
    }
    let v1 = Trace { tracer: 1, lineinfo: false, tail: "" };
    let found = problem(&v1.text("0 0 0 1 0000 f 0 NOP 0 0"));
    let expected =
        "an instruction of warp 1 of thread block 0,0,0 among those of warp 0 of thread block 0,0,0";
    assert_eq!(found, format!("25: {expected}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever bytes are changed, reading ends; a block as a whole is read by the same path.
    #[test]
    fn odd_bytes_do_no_harm(changes in prop::collection::vec((0usize..700, any::<u8>()), 1..6)) {
        let mut bytes = Trace::V4.text(LOAD).into_bytes();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel-1.traceg");
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(mut reader) = Reader::open(&path) {
            while let Ok(Some(block)) = reader.block() {
                prop_assert!(block.warps.len() <= 32);
            }
        }
    }
}
