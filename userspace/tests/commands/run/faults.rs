// SPDX-License-Identifier: MIT

//! A fault of the job's: found, kept, and what comes after it. The job itself writes the kernel's log.

use super::{inheriting, job};
use crate::faults::ROCR;
use crate::running::Running;
use crate::status::enforced;
use crate::support::Tree;
use rustix::fs::{fcntl_setfl, mknodat, FileType, Mode, OFlags, CWD};
use rustix::pipe::{pipe_with, PipeFlags};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A guarded system with a log of the kernel, and a directory for what is kept.
pub(super) fn logged() -> Tree {
    let tree = enforced();
    tree.write("/dev/kmsg", "6,1,1,-;before the job")
        .write("/proc/sys/kernel/osrelease", crate::support::RELEASE);
    tree
}

/// The start of a job's script: `fault PID` logs a page fault of a process, as Linux 7.2 does.
pub(super) fn with_fault(tree: &Tree, script: &str) -> String {
    let device = "amdgpu 0000:01:00.0:";
    format!(
        "fault() {{
            printf '%s\\n' '3,7,12000000,-;{device} [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)' \
                \"3,8,12000001,-;{device}  Process python3 pid $1 thread python3 pid $1\" \
                '3,9,12000002,-;{device}   in page starting at address 0x00007f0000001000 from client 0x1b (UTCL2)' \
                '3,10,12000003,-;{device} GCVM_L2_PROTECTION_FAULT_STATUS:0x00801031' >> {}
        }}
        {script}",
        tree.path("/dev/kmsg").display()
    )
}

/// The job, its bundles in the tree.
pub(super) fn faulty(tree: &Tree, options: &[&str], script: &str) -> Command {
    let log = tree.path("/kept");
    let options = [&["--log", log.to_str().unwrap()], options].concat();
    job(tree, &options, &with_fault(tree, script))
}

pub(super) fn bundles(tree: &Tree) -> Vec<PathBuf> {
    let entries = fs::read_dir(tree.path("/kept")).into_iter().flatten();
    let mut bundles: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    bundles.sort();
    bundles
}

pub(super) fn text(output: &Output) -> (Option<i32>, String) {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), err)
}

#[test]
fn a_fault_is_kept_decoded_with_all_there_is_to_know() {
    let tree = logged();
    let output = faulty(
        &tree,
        &[],
        &format!("echo '{ROCR}' >&2; fault $$; kill -ABRT $$"),
    )
    .env("MY_API_TOKEN", "sesame")
    .env("PROXY", "http://ann:sesame@proxy")
    .env("HARMLESS", "value")
    .output()
    .unwrap();
    let (code, said) = text(&output);
    assert_eq!(code, Some(134), "{said}");
    assert!(
        said.contains(ROCR) && said.contains("a GPU fault of the job"),
        "{said}"
    );
    let bundles = bundles(&tree);
    assert_eq!(bundles.len(), 1, "{said}");
    assert!(said.contains(bundles[0].to_str().unwrap()), "{said}");
    let read = |name: &str| fs::read_to_string(bundles[0].join(name)).unwrap();
    let incidents = read("incidents.jsonl");
    let incidents: Vec<Value> = incidents
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!(incidents[0]["gpu"], "0000:01:00.0");
    assert_eq!(incidents[0]["faults"][0]["address"], "0x00007f0000001000");
    let kernel = read("kernel.log");
    assert_eq!(kernel.lines().count(), 4, "{kernel}");
    assert_eq!(read("stderr.log").trim_end(), ROCR);
    let environment = read("environment");
    assert!(
        environment.contains("MY_API_TOKEN=<hidden>\n"),
        "{environment}"
    );
    assert!(environment.contains("PROXY=http://<hidden>\n"));
    assert!(environment.contains("HARMLESS=value\n"));
    assert!(!environment.contains("sesame"));
    let run: Value = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(run["end"]["signal"], 6);
    assert_eq!(run["kernel"], crate::support::RELEASE);
    assert_eq!(run["faults"].as_array().unwrap().len(), 2, "{run}");
    let status: Value = serde_json::from_str(&read("status.json")).unwrap();
    assert_eq!(status["verdict"], "enforced");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bundles[0]), 0o700);
    assert_eq!(mode(&bundles[0].join("environment")), 0o600);
}

#[test]
fn a_fault_of_a_grandchild_is_the_jobs_and_that_of_another_process_is_not() {
    let tree = logged();
    let own = std::process::id();
    let output = faulty(&tree, &[], &format!("fault {own}; exit 1"))
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), bundles(&tree).len()),
        (Some(1), 0),
        "{output:?}"
    );
    // In another group and session, and its parent is gone.
    let script = "(setsid sh -c 'echo $$ > pid; sleep 2' &) ; until [ -s pid ]; do sleep 0.05; done
        fault $(cat pid); sleep 0.3; exit 1";
    let output = faulty(&tree, &[], script)
        .current_dir(tree.path("/"))
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), bundles(&tree).len()),
        (Some(1), 1),
        "{output:?}"
    );
}

#[test]
fn without_the_kernels_log_rocrs_line_is_enough_and_that_is_said() {
    let tree = enforced();
    let output = faulty(&tree, &[], &format!("echo '{ROCR}' >&2; exit 3"))
        .output()
        .unwrap();
    let (code, said) = text(&output);
    assert_eq!((code, bundles(&tree).len()), (Some(3), 1), "{said}");
    assert!(said.contains("log is not watched"), "{said}");
}

#[test]
fn rocrs_line_after_a_progress_bar_and_without_an_end_is_a_fault() {
    let tree = logged();
    let script = format!(
        "i=0; while [ $i -lt 400 ]; do printf '\\r%d%%|%080d|' $i $i >&2; i=$((i + 1)); done
        printf %s '{ROCR}' >&2; kill -ABRT $$"
    );
    let output = faulty(&tree, &["--fallback", "retry:1"], &script)
        .output()
        .unwrap();
    let (code, said) = text(&output);
    assert_eq!((code, bundles(&tree).len()), (Some(134), 2), "{said}");
}

#[test]
fn only_the_names_of_gpu_faults_are_a_fault_of_the_jobs() {
    for (name, faults) in [
        ("OUT_OF_RESOURCES", 0),
        ("INVALID_ARGUMENT", 0),
        ("EXCEPTION", 1),
        ("ILLEGAL_INSTRUCTION", 1),
        ("MEMORY_APERTURE_VIOLATION", 1),
        ("MEMORY_FAULT", 1),
    ] {
        let tree = logged();
        let line = format!("Callback: Queue aborting with error : HSA_STATUS_ERROR_{name}: x");
        let output = faulty(&tree, &[], &format!("echo '{line}' >&2; exit 5"))
            .output()
            .unwrap();
        let (code, said) = text(&output);
        assert_eq!((code, bundles(&tree).len()), (Some(5), faults), "{said}");
    }
}

#[test]
fn the_job_is_run_again_as_often_as_was_said_and_the_last_code_counts() {
    let tree = logged();
    let script = |code| {
        format!("echo x >> runs; fault $$; [ $(wc -l < runs) -lt 3 ] && exit 9; exit {code}")
    };
    let runs = || {
        fs::read_to_string(tree.path("/runs"))
            .unwrap()
            .lines()
            .count()
    };
    let code = |options: &[&str], script: &str| {
        let mut command = faulty(&tree, options, script);
        command.current_dir(tree.path("/")).stderr(Stdio::null());
        let code = command.status().unwrap().code();
        let counted = (code, runs(), bundles(&tree).len());
        tree.remove("/runs");
        fs::remove_dir_all(tree.path("/kept")).unwrap();
        counted
    };
    assert_eq!(code(&[], &script(4)), (Some(9), 1, 1));
    assert_eq!(
        code(&["--fallback", "retry:1"], &script(4)),
        (Some(9), 2, 2)
    );
    assert_eq!(
        code(&["--fallback", "retry:2"], &script(4)),
        (Some(4), 3, 3)
    );
    // A job that succeeded in spite of a fault is not run again.
    assert_eq!(
        code(&["--fallback", "retry:9"], &script(0)),
        (Some(0), 3, 3)
    );
}

#[test]
fn a_job_that_only_failed_is_not_run_again() {
    let tree = logged();
    let mut command = faulty(&tree, &["--fallback", "retry:3"], "echo x >> runs; exit 5");
    assert_eq!(
        command.current_dir(tree.path("/")).status().unwrap().code(),
        Some(5)
    );
    assert_eq!(fs::read_to_string(tree.path("/runs")).unwrap(), "x\n");
    assert_eq!(bundles(&tree).len(), 0);
}

#[test]
fn the_job_goes_on_without_a_gpu_or_by_its_own_command() {
    let tree = logged();
    let script = "[ -n \"$HIP_VISIBLE_DEVICES\" ] && {
            echo $ROCR_VISIBLE_DEVICES $HIP_VISIBLE_DEVICES $CUDA_VISIBLE_DEVICES; exit 0; }
        fault $$; kill -ABRT $$";
    let mut command = faulty(&tree, &["--fallback", "cpu"], script);
    for variable in [
        "ROCR_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
    ] {
        command.env_remove(variable);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"-1 -1 -1\n");
    // What the bundle says was there before the other was started.
    let resume = format!(
        "ls {}/*/run.json | wc -l; exit 6",
        tree.path("/kept").display()
    );
    let output = faulty(&tree, &["--resume-with", &resume], "fault $$; exit 1")
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(6), &b"2\n"[..])
    );
}

#[test]
fn a_fault_of_a_process_that_is_gone_is_kept_and_nobody_is_blamed() {
    let tree = logged();
    let gone = Command::new("sh").args(["-c", "echo $$"]).output().unwrap();
    let gone = String::from_utf8(gone.stdout).unwrap();
    let script = format!("fault {}; sleep 0.3; exit 1", gone.trim());
    let output = faulty(&tree, &["--fallback", "retry:3"], &script)
        .output()
        .unwrap();
    let (code, said) = text(&output);
    assert_eq!((code, bundles(&tree).len()), (Some(1), 1), "{said}");
    assert!(said.contains("ended before it was seen whether"), "{said}");
}

#[test]
fn what_somebody_ended_is_not_started_again() {
    let tree = logged();
    let retry = ["--fallback", "retry:3"];
    // Ctrl-C on a terminal comes to the job alone; a shell in the job makes a code of it.
    for (end, code) in [("kill -INT $$", 130), ("exit 130", 130), ("exit 143", 143)] {
        let script = format!("echo run; fault $$; {end}");
        let output = faulty(&tree, &retry, &script).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(output.stdout, b"run\n", "{end}");
    }
    // While what is left of the job is ended.
    let script = "echo run
        (trap 'echo ending; sleep 1; exit' TERM; echo ready; while :; do sleep 0.02; done) 2>&- &
        sleep 0.3; fault $$; exit 1";
    let mut running = Running::start(faulty(&tree, &retry, script));
    assert_eq!([running.line(), running.line()], ["run", "ready"]);
    assert_eq!(running.line(), "ending");
    running.kill("-TERM");
    assert_eq!((running.line(), running.end().1), (String::new(), Some(1)));
}

#[test]
fn what_outlives_a_job_that_is_not_started_again_is_left_alone() {
    let tree = logged();
    let script = "(sleep 0.5; echo alive) 2>&- & fault $$; exit 1";
    let mut running = Running::start(faulty(&tree, &[], script));
    assert_eq!((running.line(), running.end().1), ("alive".into(), Some(1)));
    assert_eq!(bundles(&tree).len(), 1);
}

#[test]
fn what_is_left_of_the_job_ends_before_anything_is_started_again() {
    let tree = logged();
    // One in the job's group, one with a session of its own.
    let script = "sh -c 'trap \"\" TERM; echo $$ > left; exec sleep 300' 2>&- >&- &
        setsid sh -c 'trap \"\" TERM; echo $$ > away; exec sleep 300' 2>&- >&- &
        until [ -s left ] && [ -s away ]; do sleep 0.05; done; fault $$; exit 1";
    let resume = "kill -0 $(cat left) && exit 7; kill -0 $(cat away) && exit 9; exit 8";
    let mut command = faulty(&tree, &["--resume-with", resume], script);
    let output = command.current_dir(tree.path("/")).output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{output:?}");
}

#[test]
fn what_was_there_before_the_job_is_left_alone() {
    let tree = logged();
    let command = faulty(&tree, &["--resume-with", "exit 8"], "fault $$; exit 1");
    // The shell becomes rmcp-kctl, which then is the parent of what it started.
    let mut shell = Command::new("sh");
    let before = "sleep 300 >/dev/null 2>&1 & echo $! > elder; exec \"$@\"";
    shell.args(["-c", before, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).stderr(Stdio::null());
    shell.envs(
        command
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let status = shell.current_dir(tree.path("/")).status().unwrap();
    let elder = fs::read_to_string(tree.path("/elder")).unwrap();
    let alive = Command::new("kill").arg(elder.trim()).status().unwrap();
    assert!(status.code() == Some(8) && alive.success(), "{status}");
}

#[test]
fn what_was_seen_is_explained_on_the_screen_and_in_the_bundle() {
    let tree = logged();
    let own = std::process::id();
    // Another process's fault, before, is not the job's.
    let output = faulty(&tree, &[], &format!("fault {own}; fault $$; exit 5"))
        .output()
        .unwrap();
    let (code, said) = text(&output);
    assert_eq!(code, Some(5), "{said}");
    let kept = fs::read_to_string(bundles(&tree)[0].join("incidents.txt")).unwrap();
    assert!(said.contains(&kept), "{said}\n{kept}");
    for words in [
        "0000:01:00.0  page fault",
        "0x00007f0000001000",
        "means",
        "try",
    ] {
        assert!(kept.contains(words), "{words}: {kept}");
    }
    assert!(!kept.contains(&format!("pid {own}")), "{kept}");
}

#[test]
fn why_nothing_is_started_again_is_said() {
    let tree = logged();
    let gone = Command::new("sh").args(["-c", "echo $$"]).output().unwrap();
    let gone = String::from_utf8(gone.stdout).unwrap();
    let gone = format!("fault {}; sleep 0.3; exit 1", gone.trim());
    for (script, why) in [
        (
            "fault $$; exit 0",
            "the job succeeded in spite of the fault",
        ),
        (
            "fault $$; exit 143",
            "the job ended with 143, as after a signal",
        ),
        ("exit 3", "no GPU fault of the job was seen"),
        (
            gone.as_str(),
            "it is not known whether the fault was the job's",
        ),
        ("fault $$; exit 3", "this was the last time"),
        (
            "rm -r $KEPT; touch $KEPT; fault $$; exit 3",
            "the fault is not kept",
        ),
    ] {
        let mut command = faulty(&tree, &["--fallback", "retry:1"], script);
        let (_, said) = text(&command.env("KEPT", tree.path("/kept")).output().unwrap());
        let why = format!("nothing is started again: {why}");
        assert!(said.contains(&why), "{why}: {said}");
    }
    let mut command = faulty(&tree, &["--fallback", "retry:1"], "exit 0");
    tree.remove("/kept");
    assert_eq!(text(&command.output().unwrap()), (Some(0), String::new()));
}

#[test]
fn that_a_fault_cannot_be_kept_is_said_before_the_job() {
    let tree = logged();
    tree.write("/file", "");
    let retry = ["--fallback", "retry:3"];
    for log in ["/proc/nope", tree.path("/file").to_str().unwrap()] {
        let log = ["--log", log];
        for dry in [&[][..], &["--dry-run"]] {
            let run = |more: &[&str]| {
                let options = [&log[..], dry, more].concat();
                let output = job(&tree, &options, "echo started; exit 5")
                    .output()
                    .unwrap();
                let out = String::from_utf8_lossy(&output.stdout).into_owned();
                (output.status.code(), out, text(&output).1)
            };
            let (code, out, said) = run(&[]);
            let started = dry.is_empty();
            let goes = if started { Some(5) } else { Some(0) };
            assert_eq!(code, goes, "{said}");
            assert_eq!(out.contains("started\n"), started, "{out}");
            assert!(said.contains("a fault cannot be kept: cannot "), "{said}");
            assert_eq!(out.contains("a fault is not kept"), !started, "{out}");
            let (code, _, said) = run(&retry);
            assert_eq!(code, Some(125), "{said}");
            assert!(said.contains("nothing is started again"), "{said}");
            assert_eq!(run(&[&retry[..], &["--force"]].concat()).0, goes);
        }
    }
}

#[test]
fn without_home_the_accounts_home_is_taken() {
    let tree = logged();
    let uid = fs::metadata(tree.path("/dev/kmsg")).unwrap().uid();
    let run = |options: &[&str]| {
        let mut command = inheriting(&tree, options, &with_fault(&tree, "fault $$; exit 5"));
        command.env_remove("HOME").env_remove("XDG_STATE_HOME");
        command.output().unwrap()
    };
    assert!(text(&run(&[])).1.contains("name one with --log"));
    assert_eq!(run(&["--dry-run"]).status.code(), Some(0));
    tree.write("/etc/passwd", &format!("me:x:{uid}:0::/home/me:/bin/sh"));
    let (code, said) = text(&run(&[]));
    let runs = tree.path("/home/me/.local/state/rmcp/runs");
    assert_eq!(
        (code, fs::read_dir(runs).unwrap().count()),
        (Some(5), 1),
        "{said}"
    );
}

#[test]
fn no_secret_is_in_the_bundle() {
    let tree = logged();
    let script = "A=1 true --hf-token sesame Authorization: Bearer sesame; fault $$; exit 1";
    let mut command = faulty(&tree, &[], script);
    command.args(["--password", "sesame"]);
    for name in [
        "DB_PASS",
        "SSHPASS",
        "MYSQL_PWD",
        "GITHUB_PAT",
        "BASIC_AUTH",
    ] {
        command.env(name, "sesame");
    }
    command.env("CURL_ARGUMENTS", "-H 'Authorization: Bearer sesame'");
    command.output().unwrap();
    let bundle = fs::read_dir(&bundles(&tree)[0]).unwrap();
    let files: Vec<_> = bundle.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 7);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("sesame"), "{}: {text}", file.display());
    }
}

#[test]
fn no_byte_is_lost_or_moved_on_its_way() {
    let tree = logged();
    // Both streams to one file: their order is the job's. Bytes that are no text, no last line break.
    let script = "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done
        printf 'a\\000\\377b' >&2";
    let file = fs::File::create(tree.path("/both")).unwrap();
    let mut command = job(&tree, &[], script);
    command.stdout(file.try_clone().unwrap()).stderr(file);
    assert_eq!(command.status().unwrap().code(), Some(0));
    let mut expected = Vec::new();
    for i in 0..2000 {
        write!(expected, "out {i}\nerr {i}\n").unwrap();
    }
    expected.extend(b"a\0\xffb");
    assert!(fs::read(tree.path("/both")).unwrap() == expected);
}

#[test]
fn a_full_disk_does_not_end_the_job_and_a_slow_reader_loses_nothing() {
    let tree = logged();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let script = "echo one >&2; sleep 0.1; echo two >&2; sleep 0.1; exit 3";
    let status = job(&tree, &[], script).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(3));
    // A pipe that its other users do not wait for, and that is read late.
    let flags = PipeFlags::NONBLOCK;
    let (read, write) = pipe_with(flags).unwrap();
    let mut command = job(&tree, &[], "head -c 1000000 /dev/zero >&2; exit 4");
    let mut child = command.stderr(write).spawn().unwrap();
    drop(command);
    fcntl_setfl(&read, OFlags::empty()).unwrap();
    thread::sleep(Duration::from_millis(500));
    let mut all = Vec::new();
    fs::File::from(read).read_to_end(&mut all).unwrap();
    assert_eq!(
        (all.len(), child.wait().unwrap().code()),
        (1_000_000, Some(4))
    );
}

#[test]
fn a_log_that_grows_faster_than_it_is_read_does_not_hold_up_the_end() {
    let tree = enforced();
    fs::create_dir(tree.path("/dev")).unwrap();
    // Its writer waits for the reader, and so never lacks a line for it.
    let path = tree.path("/dev/kmsg");
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let log = fs::File::options().read(true).write(true).open(&path);
    let log = log.unwrap();
    let mut yes = Command::new("yes")
        .arg("6,1,1,-;amdgpu 0000:01:00.0: x")
        .stdout(log)
        .spawn()
        .unwrap();
    let started = Instant::now();
    let output = job(&tree, &[], "sleep 0.5; exit 3").output().unwrap();
    let took = started.elapsed();
    yes.kill().unwrap();
    yes.wait().unwrap();
    let (code, said) = text(&output);
    assert_eq!(code, Some(3), "{said}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_dry_run_says_what_would_be_and_starts_nothing() {
    let tree = logged();
    let log = tree.path("/kept");
    let mark = tree.path("/mark");
    let run = |more: &[&str]| {
        let options = [
            "run",
            "--dry-run",
            "--fallback",
            "cpu",
            "--log",
            log.to_str().unwrap(),
        ];
        let job = ["--", "touch", mark.to_str().unwrap()];
        tree.run(&[more, &options, &job].concat())
    };
    let seen = run(&[]);
    assert_eq!(seen.code, 0, "{seen:?}");
    assert!(seen.out.contains("would start: touch"), "{seen:?}");
    assert!(
        seen.out.contains("after a fault: CUDA_VISIBLE_DEVICES=-1"),
        "{seen:?}"
    );
    let document = run(&["--json"]).json();
    assert_eq!(document["not_watched"], serde_json::json!([]));
    assert_eq!(document["exit_code"], 0);
    tree.guard(crate::status::BDF, "state", "armed");
    assert_eq!(run(&[]).code, 124);
    assert_eq!(run(&["--json"]).json()["exit_code"], 124);
    assert!(!mark.exists() && !log.exists());
}

#[test]
fn an_environment_that_does_harm_is_refused_or_mended_by_a_profile() {
    let tree = logged();
    let run = |options: &[&str]| {
        let mut command = job(
            &tree,
            options,
            "echo ${HSA_OVERRIDE_GFX_VERSION-none} $HSA_USE_SVM",
        );
        command.env("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
        let output = command.env_remove("HSA_USE_SVM").output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (text(&output), out)
    };
    let ((code, said), out) = run(&[]);
    assert_eq!((code, out.as_str()), (Some(124), ""), "{said}");
    assert!(
        said.contains("HSA_OVERRIDE_GFX_VERSION=10.3.0 does harm"),
        "{said}"
    );
    assert_eq!(run(&["--force"]).1, "10.3.0");
    let ((code, said), out) = run(&["--profile", "default"]);
    assert_eq!((code, out.as_str()), (Some(0), "none"), "{said}");
    assert_eq!(run(&["--profile", "conservative"]).1, "none 0");
    assert_eq!(run(&["--profile", "nonsense"]).0 .0, Some(125));
}

#[test]
fn a_preset_adds_what_is_not_given_and_says_so() {
    let tree = logged();
    tree.program("/bin/yolo", "echo \"$@\"");
    let yolo = tree.path("/bin/yolo");
    let run = |words: &[&str]| {
        let options = ["run", "--preset", "ultralytics", "--"];
        tree.run(&[&options[..], &[yolo.to_str().unwrap()], words].concat())
    };
    let seen = run(&["train", "data=coco8.yaml", "epochs=2"]);
    assert_eq!(
        seen.out,
        "train data=coco8.yaml epochs=2 batch=4 amp=False\n"
    );
    assert!(
        seen.err.contains("the preset adds batch=4 amp=False"),
        "{seen:?}"
    );
    let seen = run(&["train", "resume=True"]);
    assert_eq!((seen.code, seen.out.as_str()), (0, "train resume=True\n"));
    assert!(seen.err.contains("adds nothing"), "{seen:?}");
    assert_eq!(run(&["predict"]).code, 125);
}
