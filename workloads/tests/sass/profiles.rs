//! What is counted of a trace: classes, lanes, sectors and lines, spaces, blocks that share lines.

use workloads::sass::profile::{Coalescing, Count};
use workloads::sass::{Class, Profile, Reader, Space};

use crate::Trace;

fn profile(text: &str) -> Profile {
    let mut reader = Reader::from_text("test.traceg", text).unwrap();
    let header = reader.header().clone();
    let mut profile = Profile::default();
    while let Some(event) = reader.next_event().unwrap() {
        profile.count(&header, &event);
    }
    profile
}

#[test]
fn lanes_are_counted_in_intervals_of_four() {
    let masks = [0, 1, 0xf, 0x1f, 0xff, 0x1ff, 0x0fff_ffff, 0x1fff_ffff, u32::MAX];
    let lines: Vec<String> = masks.iter().map(|mask| format!("0000 {mask:08x} 0 NOP 0 0")).collect();
    let profile = profile(&Trace::V4.text(&lines.join("\n")));
    assert_eq!(profile.active_lanes, [1, 2, 2, 1, 0, 0, 0, 1, 2]);
    assert_eq!(profile.instructions, Count { warp: 9, thread: 1 + 4 + 5 + 8 + 9 + 28 + 29 + 32 });
}

/// Sectors of 32 and lines of 128 bytes that one access of global memory touches.
#[test]
fn accesses_fall_into_sectors_and_lines() {
    for (access, sectors, lines, bytes) in [
        ("ffffffff 1 R4 LDG.E 1 R2 4 1 0x1000 4", 4, 1, 128),
        ("ffffffff 1 R4 LDG.E 1 R2 4 1 0x1004 4", 5, 2, 128),
        ("ffffffff 1 R4 LDG.E 1 R2 4 1 0x1000 0", 1, 1, 128),
        ("ffffffff 1 R4 LDG.E 1 R2 4 1 0x1000 128", 32, 32, 128),
        ("ffffffff 1 R4 LDG.E.128 1 R2 16 1 0x1000 16", 16, 4, 512),
        ("ffffffff 1 R4 LDG.E.U8 1 R2 1 1 0x1000 1", 1, 1, 32),
        // An access across the end of a sector, which is that of a line too; order does not matter.
        ("00000001 1 R4 LDG.E.64 1 R2 8 1 0x107c 0", 2, 2, 8),
        ("0000000f 1 R4 LDG.E 1 R2 4 0 0x1080 0x1000 0x1084 0x1020", 3, 2, 16),
        // The end of the address space is no reason to go on at its beginning.
        ("00000001 1 R4 LDG.E.64 1 R2 8 1 0xfffffffffffffffc 0", 1, 1, 8),
        ("00000000 1 R4 LDG.E 1 R2 4 1 0x0 0", 0, 0, 0),
    ] {
        let profile = profile(&Trace::V4.text(&format!("0000 {access}")));
        let accesses = u64::from(bytes > 0);
        assert_eq!(profile.coalescing, Coalescing { accesses, bytes, sectors, lines }, "{access}");
        assert_eq!(profile.footprint.lines(), lines, "{access}");
    }
}

#[test]
fn generic_accesses_go_where_their_addresses_lead() {
    let profile = profile(&Trace::V4.text(
        "0000 00000001 1 R4 LD.E 1 R2 4 1 0x7f0001000010 0\n\
         0010 00000003 0 ST.E.64 1 R2 8 1 0x7f0003000000 8\n\
         0020 00000007 0 RED.E.ADD 1 R2 4 1 0x1000 4\n\
         0030 0000000f 1 R4 LDS 1 R2 4 1 0x10 4\n\
         0040 0000001f 1 R4 LDC 0 0",
    ));
    let classes: Vec<(Class, u64)> =
        profile.classes.iter().map(|(class, count)| (*class, count.thread)).collect();
    let expected = [
        (Class::Load(Space::Shared), 1 + 4),
        (Class::Load(Space::Constant), 5),
        (Class::Store(Space::Local), 2),
        (Class::Atomic(Space::Global), 3),
    ];
    assert_eq!(classes, expected);
    let shared = &profile.accesses[&Space::Shared];
    assert_eq!((shared.loads, shared.bytes), (Count { warp: 2, thread: 5 }, 20));
    assert_eq!(profile.accesses[&Space::Local].bytes, 16);
    assert_eq!(profile.accesses[&Space::Global].others, Count { warp: 1, thread: 3 });
    // Sectors and lines are those of global memory alone.
    assert_eq!((profile.coalescing.accesses, profile.footprint.lines()), (1, 1));
    assert!(!profile.accesses.contains_key(&Space::Constant), "there are no addresses");
}

#[test]
fn opcodes_that_are_not_known_are_named() {
    let profile = profile(&Trace::V4.text("0000 3 0 FROB.X 0 0\n0010 1 0 FROB.X 0 0\n0020 1 0 XYZZY 0 0"));
    assert_eq!(profile.classes[&Class::Unknown], Count { warp: 3, thread: 4 });
    let named: Vec<(&str, u64)> = profile.unknown.iter().map(|(name, count)| (&**name, count.warp)).collect();
    assert_eq!(named, [("FROB.X", 2), ("XYZZY", 1)]);
}

#[test]
fn blocks_and_kernels_share_lines() {
    // Both blocks touch line 0x1000, and one each its own.
    let block = |x: u32| {
        format!(
            "#BEGIN_TB\nthread block = {x},0,0\nwarp = 0\ninsts = 2\n\
             0000 1 1 R4 LDG.E 1 R2 4 1 0x1000 0\n0010 1 0 STG.E 1 R2 4 1 {:#x} 0\n#END_TB\n",
            0x2000 + 128 * x
        )
    };
    let text = Trace::V4.text("").replace("(1,1,1)", "(2,1,1)");
    let header = text.split("#BEGIN_TB").next().unwrap();
    let kernel = profile(&format!("{header}{}{}", block(0), block(1)));
    assert_eq!((kernel.thread_blocks, kernel.warps), (2, 2));
    assert_eq!((kernel.footprint.lines(), kernel.footprint.shared_lines()), (3, 1));
    let mut both = kernel.clone();
    both.absorb(&kernel);
    assert_eq!((both.thread_blocks, both.warps, both.instructions.warp), (4, 4, 8));
    assert_eq!((both.footprint.lines(), both.footprint.shared_lines()), (3, 3));
    assert_eq!(both.coalescing.accesses, 8);
}
