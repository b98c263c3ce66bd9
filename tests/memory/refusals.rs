//! What a replay refuses: exit code 2, nothing on stdout, and a message that says where, what and what is allowed.

use std::fs;

use super::Traced;

/// Asserts that a replay of `trace` with `arguments` is refused, with `expected` on stderr.
fn assert_refused(traced: &Traced, arguments: &[&str], expected: &str) {
    let (code, stdout, stderr) = traced.replay(arguments);
    assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    assert!(stderr.contains(expected), "{arguments:?}: {expected:?} is not in\n{stderr}");
}

#[test]
fn traces_that_are_none() {
    for (text, expected) in [
        ("", "t.trace is empty; expected `cycle hexaddr R|W`"),
        ("0 0x0 R\n5 0x40 X\n", "t.trace:2: access `X`; allowed: R, W"),
        ("0 0x0 R\n\n", "t.trace:2: found ``; expected `cycle hexaddr R|W`, such as `120 0x4f80 R`"),
        ("0 0x0\n", "t.trace:1: found `0 0x0`"),
        ("ten 0x0 R\n", "t.trace:1: cycle `ten`; expected a whole number"),
        (
            "281474976710657 0x0 R\n",
            "t.trace:1: cycle `281474976710657`; expected a whole number, decimal, at most",
        ),
        ("0 zero R\n", "t.trace:1: address `zero`; expected a hexadecimal number below 0x7fffffff80000"),
        ("0 0x7fffffff80000 R\n", "t.trace:1: address `0x7fffffff80000`"),
        ("0 0x10000000000000000 R\n", "t.trace:1: address `0x10000000000000000`"),
    ] {
        assert_refused(&Traced::new("t.trace", text), &["--dram", "gddr5"], expected);
        let saturate = ["--dram", "gddr5", "--arrival", "saturate"];
        assert_refused(&Traced::new("t.trace", text), &saturate, expected);
    }
    let traced = Traced::new("t.trace", "100000000000000 0x0 R");
    assert_eq!(traced.replay(&["--dram", "gddr5", "--stretch", "2"]).0, 0);
    assert_refused(&traced, &["--dram", "gddr5", "--stretch", "3"], "at most 93824992236885");
}

#[test]
fn files_that_are_not_there() {
    let traced = Traced::new("t.trace", "0 0x0 R");
    fs::remove_file(&traced.trace).unwrap();
    assert_refused(&traced, &["--dram", "gddr5"], "t.trace: No such file or directory");
    fs::create_dir(&traced.trace).unwrap();
    assert_refused(&traced, &["--dram", "gddr5"], "cannot read ");
}

#[test]
fn flags_that_do_not_fit() {
    let traced = Traced::new("t.trace", "0 0x0 R");
    let cache = "16 KiB,4,64,lru";
    let file = traced.beside("t.cmd");
    let cases: [(&[&str], &str); 15] = [
        (&[], "--dram <PRESET>|--cache"),
        (&["--dram", "gdr5"], "a similar value exists: 'gddr5'"),
        (&["--dram", "sram"], "possible values: gddr5"),
        (&["--dram", "gddr5", "--cache", cache], "cannot be used with"),
        (&["--cache", cache, "--commands", &file], "cannot be used with"),
        (&["--cache", cache, "--arrival", "trace"], "cannot be used with"),
        (&["--cache", cache, "--no-refresh"], "cannot be used with"),
        (&["--dram", "gddr5", "--stretch", "0"], "invalid value '0'"),
        (&["--dram", "gddr5", "--stretch", "2", "--arrival", "saturate"], "--stretch: nothing to stretch"),
        (&["--dram", "gddr5", "--channels", "65"], "gpu.dram.channels = 65; allowed: 1 to 64"),
        (&["--dram", "gddr5", "--set", "gpu.dram.page_polcy=open"], "did you mean `page_policy`?"),
        (&["--dram", "gddr5", "--set", "gpu.dram.read_queue=0"], "allowed: 1 to 64"),
        (&["--dram", "gddr5", "--set", "gpu.l2.ways=4"], "a replay has no `gpu.l2.ways`"),
        (&["--dram", "gddr5", "--set", "gpu.dram.channels=4"], "a replay takes --channels"),
        (&["--dram", "ideal", "--commands", &file], "the memory `ideal` has no commands"),
    ];
    for (arguments, expected) in cases {
        assert_refused(&traced, arguments, expected);
    }
}

#[test]
fn caches_that_are_none() {
    let traced = Traced::new("t.trace", "0 0x0 R");
    for (cache, expected) in [
        ("16 KiB,4,64", "--cache: `16 KiB,4,64` has 3 fields; allowed: SIZE,WAYS,LINE,POLICY"),
        ("16 KB,4,64,lru", "--cache: SIZE = `16 KB`; allowed: bytes"),
        ("16 KiB,0,64,lru", "--cache: WAYS = 0; allowed: 1 to 64"),
        ("16 KiB,4,48,lru", "--cache: LINE = 48 B; allowed: a power of two"),
        ("16 KiB,3,64,lru", "--cache: SIZE = 16 KiB; allowed: 3 ways x"),
        ("16 KiB,4,64,fifo", "--cache: POLICY = `fifo`; allowed: lru"),
    ] {
        assert_refused(&traced, &["--cache", cache], expected);
    }
    assert_refused(&Traced::new("t.trace", ""), &["--cache", "16 KiB,4,64,lru"], "t.trace is empty");
}

#[test]
fn command_files_that_cannot_be() {
    let traced = Traced::new("t.trace", "0 0x0 R");
    let absent = traced.beside("absent/t.cmd");
    let commands = ["--dram", "gddr5", "--commands"];
    assert_refused(&traced, &[&commands[..], &[&absent]].concat(), "absent/t.cmd: No such file or directory");
    let directory = traced.directory.path().to_str().unwrap();
    assert_refused(&traced, &[&commands[..], &[directory]].concat(), "no regular file");
}

#[test]
fn a_broken_trace_leaves_no_commands() {
    let traced = Traced::new("t.trace", "0 0x0 R\n100 0x40 R\nbroken\n");
    let file = traced.beside("t.cmd");
    fs::write(&file, "old").unwrap();
    assert_refused(&traced, &["--dram", "gddr5", "--commands", &file], "t.trace:3: found `broken`");
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    assert_eq!(fs::read_dir(traced.directory.path()).unwrap().count(), 2, "nothing else stays behind");
}
