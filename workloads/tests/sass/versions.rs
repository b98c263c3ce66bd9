//! The same instruction as each version of the tracer writes it, plain and compressed; and what the header
//! says.

use std::fs;
use std::io::Write;

use lzma_rust2::{XzOptions, XzWriter};
use workloads::sass::instruction::Register;
use workloads::sass::reader::{Block, Cluster};
use workloads::sass::{Class, Command, Event, Instruction, Reader, Space, list};

use crate::{Trace, problem, read};

/// A load of binary64 by lanes 0 to 2, whatever the tracer.
fn assert_is_the_load(instruction: &Instruction) {
    assert_eq!((instruction.pc, instruction.mask, instruction.lanes()), (0xa0, 7, 3));
    assert_eq!(instruction.destinations, [Register::Vector(4)]);
    assert_eq!(instruction.sources, [Register::Vector(2), Register::ZERO]);
    assert_eq!(instruction.opcode.name, "LDG.E.64");
    assert_eq!(instruction.opcode.class, Class::Load(Space::Global));
    // The tracer's own width, 4, is wrong.
    assert_eq!(instruction.access.width, 8);
    assert_eq!(instruction.access.addresses, [0x7f10, 0x7f18, 0x7f20]);
}

#[test]
fn every_tracer_is_read() {
    const LOAD: &str = "00a0 00000007 1 R4 LDG.E.64 2 R2 R255 4";
    for (tracer, lineinfo, tail, line, expected) in [
        (0, false, "", format!("0 0 0 0 {LOAD} 1 0x7f10 8 "), (0, [0, 0])),
        (1, false, "", format!("0 0 0 0 {LOAD} 0 0x7f10 0x7f18 0x7f20 "), (0, [0, 0])),
        (2, false, "", format!("0 0 0 0 {LOAD} 1 0x7f10 8 "), (0, [0, 0])),
        (3, false, "", format!("{LOAD} 2 0x7f10 8 8 "), (0, [0, 0])),
        (4, false, "", format!("{LOAD} 1 0x7f10 8 "), (0, [0, 0])),
        (4, true, "", format!("321 {LOAD} 1 0x7f10 8 "), (321, [0, 0])),
        (5, false, "immediate", format!("{LOAD} 1 0x7f10 8 -5 "), (0, [-5, 0])),
        (5, true, "immediate", format!("9 {LOAD} 2 0x7f10 8 8 18446744073709551615 "), (9, [-1, 0])),
        (5, false, "immediate1 immediate2", format!("{LOAD} 1 0x7f10 8 -1 192 "), (0, [-1, 192])),
        (
            6,
            false,
            "immediate1 immediate2 Val|NoVal [...]",
            format!("{LOAD} 1 0x7f10 8 3 4 NoVal "),
            (0, [3, 4]),
        ),
        (
            6,
            false,
            "immediate1 immediate2 Val|NoVal [...]",
            format!("{LOAD} 1 0x7f10 8 0 0 Val 1 0x7f 3 0x1 0x2 ff 0 "),
            (0, [0, 0]),
        ),
    ] {
        let instructions = Trace { tracer, lineinfo, tail }.read(&line).unwrap();
        let [instruction] = &instructions[..] else { panic!("{line}") };
        assert_is_the_load(instruction);
        assert_eq!((instruction.source_line, instruction.immediates), expected, "{line}");
    }
}

/// The format of version 3 names ids that the lines lack; only what follows the addresses counts.
#[test]
fn ids_that_a_format_names_are_not_looked_for() {
    let trace = Trace { tracer: 3, lineinfo: false, tail: "" };
    let text = trace.text("0000 ffffffff 1 R1 MOV 0 0").replace(
        "#traces format = [line_num]",
        "#traces format = threadblock_x threadblock_y threadblock_z warpid_tb",
    );
    assert_eq!(read(&text).unwrap().len(), 1);
}

#[test]
fn registers_may_be_uniform() {
    let trace = Trace { tracer: 6, lineinfo: false, tail: "immediate1 immediate2 Val|NoVal" };
    let instructions = trace.read("0050 ffffffff 1 R10 IMAD 3 R10 UR4 R3 0 0 0 NoVal").unwrap();
    let expected = [Register::Vector(10), Register::Uniform(4), Register::Vector(3)];
    assert_eq!(instructions[0].sources, expected);
}

#[test]
fn the_header_tells_about_the_kernel() {
    let reader = Reader::from_text("test.traceg", &Trace::V4.text("")).unwrap();
    let header = reader.header();
    assert_eq!((header.name.as_str(), header.id, header.sm, header.tracer), ("_Z4testv", 3, 86, 4));
    assert_eq!((header.grid, header.block, header.blocks(), header.warps()), ([1; 3], [32, 1, 1], 1, 1));
    assert_eq!((header.shared_bytes, header.registers, header.nvbit.as_str()), (64, 24, "1.7"));
    assert_eq!((header.shared_base, header.local_base), (Some(0x7f00_0100_0000), Some(0x7f00_0300_0000)));
    // Windows of 16 MiB.
    for (address, shared, local) in [
        (0x7f00_00ff_ffff, false, false),
        (0x7f00_0100_0000, true, false),
        (0x7f00_01ff_ffff, true, false),
        (0x7f00_0200_0000, false, false),
        (0x7f00_0300_0000, false, true),
        (0x7f00_0400_0000, false, false),
    ] {
        assert_eq!((header.is_shared(address), header.is_local(address)), (shared, local), "{address:#x}");
    }
}

#[test]
fn blocks_have_clusters_and_warps_may_be_empty() {
    let text = Trace::V4
        .text("0000 ffffffff 0 NOP 0 0")
        .replace("(1,1,1)", "(2,3,4)")
        .replace("(32,1,1)", "(33,1,1)")
        .replace("= 0,0,0\n", "= 1,2,3\ncluster id = 0,1,2\ncluster cta = 1,0,1\ncluster rank = 5\n")
        .replace("\n\n#END", "\n\nwarp = 1\ninsts = 0\n\n#END");
    let mut reader = Reader::from_text("test.traceg", &text).unwrap();
    let cluster = Some(Cluster { id: [0, 1, 2], member: [1, 0, 1], rank: 5 });
    let mut expected = [
        Event::Block(Block { position: [1, 2, 3], cluster }),
        Event::Warp { id: 0, instructions: 1 },
        Event::Warp { id: 1, instructions: 0 },
        Event::End,
    ]
    .into_iter();
    for _ in 0..5 {
        match reader.next_event().unwrap().unwrap() {
            Event::Instruction(instruction) => assert_eq!(instruction.opcode.class, Class::Misc),
            event => assert_eq!(Some(event), expected.next()),
        }
    }
    assert_eq!(
        reader.next_event().unwrap_err().to_string(),
        "test.traceg: the file ends after 1 of 24 thread blocks"
    );
}

#[test]
fn a_block_can_be_had_as_a_whole() {
    let text = Trace::V4.text("0000 0000000f 1 R4 LDS.U.128 1 R2 16 1 0x10 16\n0010 ffffffff 0 EXIT 0 0");
    let mut reader = Reader::from_text("test.traceg", &text).unwrap();
    let block = reader.block().unwrap().unwrap();
    assert_eq!((block.block.position, block.warps.len(), block.warps[0].id), ([0; 3], 1, 0));
    assert_eq!(block.warps[0].instructions, read(&text).unwrap());
    assert_eq!(reader.block(), Ok(None));
    let mut begun = Reader::from_text("test.traceg", &text).unwrap();
    assert!(matches!(begun.next_event(), Ok(Some(Event::Block(_)))));
    assert_eq!(begun.block(), Ok(None));
}

#[test]
fn compressed_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    // Several times the reader's buffer, so that lines cross its ends.
    let line = "00a0 00000007 1 R4 LDG.E.64 2 R2 R255 4 1 0x7f10 8\n";
    let text = Trace::V4.text(line.repeat(5000).trim_end());
    let mut writer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    let compressed = writer.finish().unwrap();
    assert!(compressed.len() < text.len() / 10);
    let path = folder.path().join("kernel-1.traceg.xz");
    let count = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(&path)?;
        let mut count = 0;
        while let Some(event) = reader.next_event()? {
            if let Event::Instruction(instruction) = event {
                assert_is_the_load(instruction);
                count += 1;
            }
        }
        Ok::<_, workloads::sass::TraceError>(count)
    };
    assert_eq!(count(&compressed), Ok(5000));
    assert_eq!(count(text.as_bytes()), Ok(5000));
    for cut in 0..compressed.len() {
        assert!(count(&compressed[..cut]).is_err(), "{cut} of {} bytes", compressed.len());
    }
}

#[test]
fn the_list_has_copies_and_kernels_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let text = "MemcpyHtoD,0x00007fb02d700000,4096\n\nkernel-1.traceg\nMemcpyDtoH,0x0,7\nkernel-2.traceg\n";
    fs::write(file("kernelslist.g"), text).unwrap();
    fs::write(file("kernel-2.traceg.xz"), "").unwrap();
    let commands = list::read(&file("kernelslist.g")).unwrap();
    let expected = [
        Command::CopyToDevice { address: 0x7fb0_2d70_0000, bytes: 4096 },
        Command::Kernel(file("kernel-1.traceg")),
        Command::Kernel(file("kernel-2.traceg.xz")),
    ];
    assert_eq!(commands, expected);
}

#[test]
fn newer_tracers_are_refused() {
    let text = Trace { tracer: 7, ..Trace::V4 }.text("");
    assert_eq!(problem(&text), "12: accelsim tracer version `7`; expected a whole number of at most 6");
}
