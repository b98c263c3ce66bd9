//! `trace info`: what the kernels of a trace do, counted.
//!
//! The trace is a folder, its `kernelslist.g`, or one kernel's file. Each kernel is read as a stream and
//! counted as it is read, so memory does not grow with its length.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use results::table::Style;
use results::trace::{self, Class, Coalescing, Counts, Footprint, Launch, Space, TraceInfo};
use workloads::sass::footprint::LINE_BYTES;
use workloads::sass::profile::{Count, SECTOR_BYTES};
use workloads::sass::{Command, Event, Header, Profile, Reader, TraceError, list};

use crate::cli::{TableFormat, TraceArgs, TraceWhat};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;

/// Looks into a trace.
pub(crate) fn trace(args: &TraceArgs) -> Result<(), Failure> {
    let TraceWhat::Info(args) = &args.what;
    let info = info(&args.path)?;
    match args.format {
        TableFormat::Json => output::print_json(&info),
        TableFormat::Table => {
            let style = if io::stdout().is_terminal() { Style::Terminal } else { Style::Plain };
            output::print(&trace::render(&info, style))
        }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::Input(error.to_string())
    }
}

/// Counts what the trace at `path` does. Bars show the progress where stderr is a terminal.
fn info(path: &Path) -> Result<TraceInfo, Failure> {
    let display = Display::new(!io::stderr().is_terminal());
    let mut info = TraceInfo { trace: path.display().to_string(), ..TraceInfo::default() };
    let mut total = Profile::default();
    for command in commands(path)? {
        match command {
            Command::CopyToDevice { bytes, .. } => {
                info.copies.count += 1;
                info.copies.bytes = info.copies.bytes.saturating_add(bytes);
            }
            Command::Kernel(file) => {
                let (header, profile) = profiled(&file, &display)?;
                info.launches.push(launch(&file, &header, &profile));
                total.absorb(&profile);
            }
        }
    }
    info.kernels = info.launches.len() as u64;
    info.counts = counts(&total);
    Ok(info)
}

/// What the trace at `path` consists of.
fn commands(path: &Path) -> Result<Vec<Command>, Failure> {
    if path.is_dir() {
        let file = path.join(list::FILE_NAME);
        if !file.is_file() {
            return Err(Failure::Input(format!("{}: the folder has no {}", path.display(), list::FILE_NAME)));
        }
        return Ok(list::read(&file)?);
    }
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.ends_with(".traceg") || name.ends_with(".traceg.xz") {
        return Ok(vec![Command::Kernel(PathBuf::from(path))]);
    }
    if name.ends_with(".g") {
        return Ok(list::read(path)?);
    }
    let expected = "a folder with a kernelslist.g, a kernelslist.g, or a kernel's .traceg or .traceg.xz";
    Err(Failure::Input(format!("{}: not a trace by its name; expected {expected}", path.display())))
}

/// The header of the kernel in `file`, and what it does.
fn profiled(file: &Path, display: &Display) -> Result<(Header, Profile), TraceError> {
    let mut reader = Reader::open(file)?;
    let header = reader.header().clone();
    let mut profile = Profile::default();
    let progress = display.begin(file_name(file));
    progress.set_total(header.blocks());
    while let Some(event) = reader.next_event()? {
        profile.count(&header, &event);
        if event == Event::End {
            progress.done(1);
        }
    }
    display.end(&progress, "read");
    Ok((header, profile))
}

fn file_name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

// Records ------------------------------------------------------------------------------------------------

fn launch(file: &Path, header: &Header, profile: &Profile) -> Launch {
    Launch {
        name: header.name.clone(),
        id: header.id,
        file: file_name(file),
        grid: header.grid,
        block: header.block,
        shared_memory_bytes: header.shared_bytes,
        registers: header.registers,
        sm: header.sm,
        tracer: header.tracer,
        counts: counts(profile),
    }
}

fn counts(profile: &Profile) -> Counts {
    Counts {
        warps: profile.warps,
        warp_instructions: profile.instructions.warp,
        thread_instructions: profile.instructions.thread,
        thread_blocks: profile.thread_blocks,
        mean_active_lanes: ratio(profile.instructions.thread, profile.instructions.warp),
        active_lanes: profile.active_lanes,
        classes: profile.classes.iter().map(|(class, count)| named(class.to_string(), *count)).collect(),
        unknown_opcodes: profile.unknown.iter().map(|(name, count)| named(name.clone(), *count)).collect(),
        memory: spaces(profile),
        coalescing: coalescing(profile),
        footprint: footprint(profile),
    }
}

fn named(name: String, count: Count) -> Class {
    Class { name, warp_instructions: count.warp, thread_instructions: count.thread }
}

fn spaces(profile: &Profile) -> Vec<Space> {
    let space = profile.accesses.iter().map(|(space, accesses)| Space {
        space: space.name().to_owned(),
        accesses: accesses.all().warp,
        loads: accesses.loads.warp,
        stores: accesses.stores.warp,
        others: accesses.others.warp,
        thread_accesses: accesses.all().thread,
        bytes: accesses.bytes,
    });
    space.collect()
}

fn coalescing(profile: &Profile) -> Coalescing {
    let counts = &profile.coalescing;
    Coalescing {
        accesses: counts.accesses,
        sectors: counts.sectors,
        lines: counts.lines,
        sectors_per_access: ratio(counts.sectors, counts.accesses),
        lines_per_access: ratio(counts.lines, counts.accesses),
        bytes_per_sector_byte: ratio(counts.bytes, counts.sectors * SECTOR_BYTES),
    }
}

fn footprint(profile: &Profile) -> Footprint {
    let (lines, shared_lines) = (profile.footprint.lines(), profile.footprint.shared_lines());
    Footprint {
        lines,
        bytes: lines * LINE_BYTES,
        shared_lines,
        shared_share: ratio(shared_lines, lines),
        exact: profile.footprint.is_exact(),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KERNEL: &str = "-kernel name = copy\n-kernel id = 7\n-grid dim = (2,1,1)\n-block dim = (32,1,1)\n\
        -shmem = 0\n-nregs = 8\n-binary version = 70\n-accelsim tracer version = 4\n\
        #traces format = PC mask dest_num [reg_dests] opcode src_num [reg_srcs] mem_width [mem_addresses]\n\
        #BEGIN_TB\nthread block = 0,0,0\nwarp = 0\ninsts = 2\n\
        0000 0000000f 1 R4 LDG.E 1 R2 4 1 0x1000 4\n0010 ffffffff 0 EXIT 0 0\n#END_TB\n\
        #BEGIN_TB\nthread block = 1,0,0\nwarp = 0\ninsts = 1\n\
        0000 00000001 1 R4 FROB.X 1 R2 4 1 0x1000 4\n#END_TB\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kernel-1.traceg"), KERNEL).unwrap();
        let list = "MemcpyHtoD,0x1000,4096\nkernel-1.traceg\nMemcpyDtoH,0x1000,4096\nkernel-1.traceg\n";
        fs::write(folder.path().join("kernelslist.g"), list).unwrap();
        folder
    }

    fn message(path: &Path) -> String {
        match info(path) {
            Err(Failure::Input(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_folder_its_list_and_a_kernel_are_read() {
        let folder = folder();
        let whole = info(folder.path()).unwrap();
        assert_eq!((whole.kernels, whole.launches.len()), (2, 2));
        assert_eq!((whole.copies.count, whole.copies.bytes), (1, 4096));
        let list = info(&folder.path().join("kernelslist.g")).unwrap();
        assert_eq!((&list.counts, &list.launches), (&whole.counts, &whole.launches));
        let one = info(&folder.path().join("kernel-1.traceg")).unwrap();
        assert_eq!((one.kernels, &one.launches[0]), (1, &whole.launches[0]));
        assert_eq!(one.launches[0].counts, one.counts);
    }

    #[test]
    fn counts_are_those_of_the_file() {
        let folder = folder();
        let counts = info(&folder.path().join("kernel-1.traceg")).unwrap().counts;
        assert_eq!((counts.thread_blocks, counts.warps), (2, 2));
        assert_eq!((counts.warp_instructions, counts.thread_instructions), (3, 37));
        assert_eq!(counts.active_lanes, [0, 2, 0, 0, 0, 0, 0, 0, 1]);
        let classes: Vec<&str> = counts.classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(classes, ["load global", "branch", "unknown"]);
        assert_eq!(counts.unknown_opcodes, [named("FROB.X".into(), Count { warp: 1, thread: 1 })]);
        let memory = &counts.memory[0];
        assert_eq!((memory.space.as_str(), memory.loads, memory.others, memory.bytes), ("global", 1, 1, 20));
        let Footprint { lines, bytes, shared_lines, exact, .. } = counts.footprint;
        assert_eq!((lines, bytes, shared_lines, exact), (1, 128, 1, true));
        assert_eq!(counts.coalescing.sectors_per_access, 1.0);
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        let folder = folder();
        let path = folder.path();
        fs::create_dir(path.join("empty")).unwrap();
        assert!(message(&path.join("empty")).ends_with("the folder has no kernelslist.g"));
        assert!(message(&path.join("kernel-1.tracez")).contains("expected a folder with a kernelslist.g"));
        assert!(message(&path.join("missing.traceg")).contains("missing.traceg: cannot read: "));
        fs::write(path.join("cut.traceg"), KERNEL.strip_suffix("#END_TB\n").unwrap()).unwrap();
        let cut = message(&path.join("cut.traceg"));
        assert!(cut.ends_with("cut.traceg:22: the file ends; expected `warp = n` or #END_TB"), "{cut}");
        fs::write(path.join("kernelslist.g"), "MemcpyHtoD,0x1000,4096\n").unwrap();
        assert!(message(path).contains("no line of it names a kernel"));
        fs::write(path.join("kernelslist.g"), "MemcpyHtoD,4096\nkernel-1.traceg\n").unwrap();
        assert!(message(path).contains("kernelslist.g:1: found `MemcpyHtoD,4096`"));
    }
}
