//! Real traces, counted by the reader and by hand.
//!
//! The count by hand looks only at the words of a line: an instruction is a line with a mask of eight
//! hexadecimal digits as its second word. Where the folder is not there, the tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};

use workloads::sass::{Class, Command, Event, Profile, Reader, list};

/// The folder of traces, if it is there.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let folder = std::env::var_os("SPARTAN_TRACES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no folder {}; SPARTAN_TRACES=FOLDER names another", folder.display());
    None
}

/// Files with one kernel each, anywhere in `folder`.
fn kernels(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(kernels(&path));
        } else if path.extension().is_some_and(|extension| extension == "traceg") {
            files.push(path);
        }
    }
    files
}

fn profile(file: &Path) -> Profile {
    let mut reader = Reader::open(file).unwrap_or_else(|error| panic!("{error}"));
    let header = reader.header().clone();
    let mut profile = Profile::default();
    while let Some(event) = reader.next_event().unwrap_or_else(|error| panic!("{error}")) {
        profile.count(&header, &event);
    }
    profile
}

/// Blocks, warps, instructions of warps and of threads, and accesses of `LDG` and `STG`.
fn count_by_hand(text: &str) -> [u64; 5] {
    let begins = |start: &str| text.lines().filter(|line| line.starts_with(start)).count() as u64;
    let mut counts = [begins("#BEGIN_TB"), begins("warp ="), 0, 0, 0];
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words.len() < 5 || words[1].len() != 8 {
            continue;
        }
        let Ok(mask) = u32::from_str_radix(words[1], 16) else { continue };
        counts[2] += 1;
        counts[3] += u64::from(mask.count_ones());
        let global = words.iter().any(|word| word.starts_with("LDG.") || word.starts_with("STG."));
        counts[4] += u64::from(global && mask != 0);
    }
    counts
}

#[test]
fn counts_equal_those_of_the_files() {
    let Some(folder) = folder() else { return };
    let mut checked = 0;
    for file in kernels(&folder) {
        let profile = profile(&file);
        let counts = [
            profile.thread_blocks,
            profile.warps,
            profile.instructions.warp,
            profile.instructions.thread,
            profile.coalescing.accesses,
        ];
        let shown = file.display();
        assert_eq!(counts, count_by_hand(&fs::read_to_string(&file).unwrap()), "{shown}");
        assert!(profile.unknown.is_empty(), "{shown}: {:?}", profile.unknown);
        assert_eq!(profile.active_lanes.iter().sum::<u64>(), profile.instructions.warp, "{shown}");
        let by_class: u64 = profile.classes.values().map(|count| count.thread).sum();
        assert_eq!(by_class, profile.instructions.thread, "{shown}");
        checked += 1;
    }
    assert!(checked > 0, "no trace in {}", folder.display());
}

/// Accel-Sim's own counts: thread and warp instructions, and accesses of 32-byte sectors of global memory in
/// all caches of level 1, which is what coalescing leaves of them.
#[test]
fn counts_equal_those_of_accel_sim() {
    let Some(folder) = folder() else { return };
    for (name, thread, warp, sectors) in [
        ("vectoradd-100-32", 10_516, 344, 39),
        ("matrixmul-32-32", 139_264, 4_416, 384),
        ("simple-trace-example", 801_056, 26_601, 18_750),
    ] {
        let file = folder.join(name).join(list::FILE_NAME);
        if !file.is_file() {
            eprintln!("skipped: no {}", file.display());
            continue;
        }
        let commands = list::read(&file).unwrap();
        let kernel = commands.into_iter().find_map(|command| match command {
            Command::Kernel(kernel) => Some(kernel),
            Command::CopyToDevice { .. } => None,
        });
        let profile = profile(&kernel.unwrap());
        assert_eq!((profile.instructions.thread, profile.instructions.warp), (thread, warp), "{name}");
        assert_eq!(profile.coalescing.sectors, sectors, "{name}");
    }
}

/// What a replay starts from: blocks as a whole have what single events have, and an exit in every warp.
#[test]
fn blocks_as_a_whole_have_all_instructions() {
    let Some(folder) = folder() else { return };
    let file = folder.join("matrixmul-32-32/kernel-1.traceg");
    if !file.is_file() {
        eprintln!("skipped: no {}", file.display());
        return;
    }
    let mut events = Reader::open(&file).unwrap();
    let mut single = Vec::new();
    while let Some(event) = events.next_event().unwrap() {
        if let Event::Instruction(instruction) = event {
            single.push(instruction.clone());
        }
    }
    let mut reader = Reader::open(&file).unwrap();
    let block = reader.block().unwrap().unwrap();
    assert_eq!(block.warps.len() as u64, reader.header().warps());
    for warp in &block.warps {
        let last = warp.instructions.last().unwrap();
        assert_eq!((last.opcode.class, last.opcode.name.as_str()), (Class::Branch, "EXIT"));
    }
    let together: Vec<_> = block.warps.into_iter().flat_map(|warp| warp.instructions).collect();
    assert!(together == single && reader.block().unwrap().is_none());
}
