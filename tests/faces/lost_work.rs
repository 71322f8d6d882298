//! What a signal, a folder that goes away or a reader that goes away may not cost: work.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::PATIENCE;
use crate::listening;

/// A run of two steps, which leaves a checkpoint.
const SHORT: &str = "train --device cpu --data data --steps 2 --set batch_size=16 --set width=0.5 --set evaluate_samples=8 --set attack_steps=1";
/// A run that would take hours.
const LONG: &str = "train --device cpu --data data --steps 1000000 --set batch_size=16 --set width=0.5 --set report_every_steps=1 --set evaluate_samples=8 --set attack_steps=1";
/// Attacks of some seconds, of which each batch takes part of one.
const ATTACKS: &str = "evaluate run --device cpu --attack fgsm,pgd,pgd-l2,square --epsilon 0.02,0.05,0.1 --target untargeted,random --steps 60 --samples 100";
/// Bytes that nothing but the program writes.
const PROGRAM: &str = env!("CARGO_BIN_EXE_great-lab");

/// An empty folder with the data of the runs above.
fn folder() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir(scratch.path().join("data")).unwrap();
    crate::common::tiny_data(&scratch.path().join("data"));
    scratch
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

fn lab(line: &str, folder: &Path) -> Command {
    let mut command = listening(PROGRAM);
    command.args(words(line)).current_dir(folder).env_remove("RUST_LOG");
    command
}

fn run(line: &str, folder: &Path) -> Output {
    lab(line, folder).output().unwrap()
}

fn must(line: &str, folder: &Path) -> Output {
    let output = run(line, folder);
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
    output
}

fn bash(script: &str, folder: &Path) -> Output {
    Command::new("bash").args(["-c", script]).current_dir(folder).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Starts a command and waits until it says `word` on standard error; what it says further can be read.
fn started(mut command: Command, word: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended without saying '{word}'");
    }
    (child, said)
}

/// The exit status, what was said on standard output, and what on standard error since.
fn ended(mut child: Child, mut said: impl std::io::Read) -> (Option<i32>, String, String) {
    let (mut output, mut errors) = (String::new(), String::new());
    said.read_to_string(&mut errors).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    (child.wait().unwrap().code(), output, errors)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}: it does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Signals an evaluation once something is kept of it, and says how it ended.
fn interrupted(line: &str, folder: &Path, out: &str, name: &str) -> (Option<i32>, String, String) {
    let mut command = lab(&format!("{line} --out {out}"), folder);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let kept = folder.join(out).join("unfinished.safetensors");
    let before = kept.metadata().and_then(|file| file.modified()).ok();
    wait_until("the first batch", || {
        let now = kept.metadata().and_then(|file| file.modified()).ok();
        now.is_some() && now != before
    });
    signal(&child, name);
    let said = child.stderr.take().unwrap();
    ended(child, said)
}

#[test]
fn an_interrupted_evaluation_goes_on_and_ends_as_if_it_had_never_been() {
    let scratch = folder();
    let folder = scratch.path();
    must(&format!("{SHORT} --out run"), folder);
    let files = ["robustness.csv", "robustness.json", "report.html", "robustness.png"];
    let read = |out: &str, file: &str| std::fs::read(folder.join(out).join(file)).unwrap();
    must(&format!("{ATTACKS} --save-examples whole.npz --out whole"), folder);
    assert!(!folder.join("whole/unfinished.safetensors").exists(), "it is complete");
    let line = format!("{ATTACKS} --save-examples cut.npz --report cut.html");
    for (name, status) in [("-TERM", 143), ("-INT", 130)] {
        let (code, output, said) = interrupted(&line, folder, "cut", name);
        assert_eq!(code, Some(status), "{said}");
        assert!(said.contains("interrupted; the same command goes on with it"), "{said}");
        assert!(output.contains("incomplete: ") && output.contains(" of 100 images"), "{output}");
        let record = json(&folder.join("cut/robustness.json"));
        assert_eq!(record["incomplete"]["of"], 100, "{record}");
        assert!(record["incomplete"]["images"].as_u64().unwrap() <= 100);
        assert!(
            text(&read("cut", "robustness.csv"))
                .lines()
                .all(|line| { line.ends_with(",incomplete_of") || line.ends_with(",100") })
        );
        for report in ["cut/report.html", "cut.html"] {
            let report = std::fs::read_to_string(folder.join(report)).unwrap();
            assert!(report.contains("was interrupted and is incomplete"), "{report}");
        }
    }
    let other = run(&format!("{line} --out cut --eot 2"), folder);
    assert_eq!(other.status.code(), Some(2));
    let said = text(&other.stderr);
    assert!(said.contains("differs in the draws") && said.contains("--force"), "{said}");

    let resumed = must(&format!("{line} --out cut"), folder);
    assert!(text(&resumed.stderr).contains("going on with what cut/unfinished.safetensors"), "{said}");
    for file in files {
        assert!(read("cut", file) == read("whole", file), "{file} differs");
    }
    assert!(!folder.join("cut/unfinished.safetensors").exists(), "it is complete");
    let archives = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let archives: Vec<_> = archives.filter(|path| path.extension().is_some_and(|end| end == "npz")).collect();
    let whole: Vec<_> = archives.iter().filter(|path| path.display().to_string().contains("whole")).collect();
    assert!(whole.len() > 12 && archives.len() == 2 * whole.len(), "{archives:?}");
    for path in whole {
        let name = path.file_name().unwrap().to_str().unwrap().replace("whole", "cut");
        assert!(std::fs::read(path).unwrap() == std::fs::read(folder.join(&name)).unwrap(), "{name} differs");
    }
    let again = run(&format!("{line} --out cut"), folder);
    assert!(text(&again.stderr).contains("cut is not empty"), "{}", text(&again.stderr));
}

#[test]
fn an_interrupted_audit_goes_on_too() {
    let scratch = folder();
    let folder = scratch.path();
    must(&format!("{SHORT} --set attack_steps=20 --out run").replace("--set attack_steps=1 ", ""), folder);
    let line = "evaluate run --device cpu --attack fgsm --epsilon 0.1 --samples 40 --audit";
    let whole = must(&format!("{line} --out whole"), folder);
    let (child, said) = started(lab(&format!("{line} --out cut"), folder), "attacked 40 images");
    signal(&child, "-TERM");
    let (code, output, said) = ended(child, said);
    assert_eq!(code, Some(143), "{said}");
    assert!(output.contains("40 of 40 images") && output.contains("the audit was not finished"), "{output}");
    assert!(!output.contains("audit: "), "half an audit looks like none: {output}");
    let record = json(&folder.join("cut/robustness.json"));
    assert!(record["incomplete"]["audit"] == true && record["audit"].is_null(), "{record}");
    let resumed = must(&format!("{line} --out cut"), folder);
    assert_eq!(text(&resumed.stdout), text(&whole.stdout));
    for file in ["robustness.json", "report.html"] {
        let [cut, whole] = ["cut", "whole"].map(|out| std::fs::read(folder.join(out).join(file)).unwrap());
        assert!(cut == whole, "{file} differs");
    }
}

#[test]
fn a_beginning_that_is_none_is_refused_or_begun_anew() {
    let scratch = folder();
    let folder = scratch.path();
    must(&format!("{SHORT} --out run"), folder);
    interrupted(ATTACKS, folder, "cut", "-TERM");
    let kept = folder.join("cut/unfinished.safetensors");
    let whole = std::fs::read(&kept).unwrap();
    let few = "evaluate run --device cpu --attack fgsm --epsilon 0.1 --samples 8 --out cut";
    for (bytes, expected) in [
        (&whole[..whole.len() / 2], "unfinished.safetensors is not the beginning of an evaluation"),
        (b"a thesis", "unfinished.safetensors is not the beginning of an evaluation"),
        (&whole[..], "differs in the images, the attacks"),
    ] {
        std::fs::write(&kept, bytes).unwrap();
        let output = run(few, folder);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && said.contains("--force") && said.lines().count() == 1, "{said}");
        assert_eq!(std::fs::read(&kept).unwrap(), bytes, "it is as it was");
    }
    let anew = must(&format!("{few} --force"), folder);
    assert!(text(&anew.stderr).contains("it is begun anew"), "{}", text(&anew.stderr));
    assert!(!kept.exists() && json(&folder.join("cut/robustness.json"))["incomplete"].is_null());
}

#[test]
fn what_was_ignored_on_start_stays_ignored() {
    let scratch = folder();
    for (ignored, deadly, status) in [("HUP", "-INT", 130), ("INT", "-TERM", 143), ("TERM INT", "-HUP", 129)]
    {
        let script = format!("trap '' {ignored}; exec '{PROGRAM}' {LONG} --force --out a");
        let mut command = listening("sh");
        command.args(["-c", &script]).current_dir(scratch.path()).env_remove("RUST_LOG");
        let (child, said) = started(command, "step ");
        for name in ignored.split(' ') {
            // A second one would end the program at once.
            signal(&child, &format!("-{name}"));
            signal(&child, &format!("-{name}"));
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(
            Path::new(&format!("/proc/{}", child.id())).exists() || cfg!(not(target_os = "linux")),
            "{ignored}"
        );
        signal(&child, deadly);
        let (code, _, said) = ended(child, said);
        assert_eq!(code, Some(status), "{ignored}: {said}");
        assert_eq!(json(&scratch.path().join("a/run.json"))["outcome"], "interrupted");
    }
}

#[test]
fn a_closed_output_ends_output_and_never_the_work() {
    let scratch = folder();
    let folder = scratch.path();
    let comparison = "compare defense --modes baseline --seeds 1 --device cpu --data data --steps 2 --set batch_size=16 --set width=0.5 --set attack_steps=1";
    // Which files tell that the work was done; and what is closed: the reader is gone before the first word, or after it.
    for (line, files) in [
        (format!("{SHORT} --out OUT"), &["checkpoint.safetensors", "run.json"][..]),
        (
            "evaluate OLD --device cpu --attack fgsm --samples 8 --audit --out OUT".into(),
            &["robustness.json"],
        ),
        (format!("{comparison} --out OUT"), &["table.md", "baseline-seed1/run.json"]),
        ("bench --device cpu --batch 4 --steps 1".into(), &[]),
        ("devices".into(), &[]),
        ("--help".into(), &[]),
    ] {
        must(&format!("{SHORT} --force --quiet --out OLD"), folder);
        for (number, closing) in
            ["2>&1 >/dev/null | true", "2>&1 | head -n 1", "2>/dev/null | true", "2>&- >&-"]
                .into_iter()
                .enumerate()
        {
            let out = format!("out-{number}-{}", files.len());
            let line = line.replace("OUT", &out);
            let script = format!("RUST_LOG=debug '{PROGRAM}' {line} {closing}; exit ${{PIPESTATUS[0]}}");
            let output = bash(&script, folder);
            assert_eq!(output.status.code(), Some(0), "{script}: {}", text(&output.stderr));
            for file in files {
                assert!(folder.join(&out).join(file).is_file(), "{script}: {file}");
            }
            std::fs::remove_dir_all(folder.join(&out)).unwrap_or_default();
        }
    }
    let refused = bash(&format!("'{PROGRAM}' train --stesp 3 2>&1 | true; exit ${{PIPESTATUS[0]}}"), folder);
    assert_eq!(refused.status.code(), Some(2), "a refusal stays one");
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_printed_are_a_failure() {
    let scratch = folder();
    let output = bash(&format!("'{PROGRAM}' devices > /dev/full"), scratch.path());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write to standard output") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_folder_removed_while_it_trains_is_made_again() {
    let scratch = folder();
    let out = scratch.path().join("x/a");
    let (child, said) = started(lab(&format!("{LONG} --out x/a"), scratch.path()), "step ");
    std::fs::remove_dir_all(scratch.path().join("x")).unwrap();
    signal(&child, "-INT");
    let (code, _, said) = ended(child, said);
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(said.matches("x/a was gone").count(), 1, "{said}");
    for file in ["checkpoint.safetensors", "run.json", "metrics.csv", "losses.png", "robustness.png"] {
        assert!(out.join(file).is_file(), "{file}: {said}");
    }
}

#[test]
fn weights_whose_folder_is_lost_for_good_are_elsewhere_and_that_is_named() {
    let scratch = folder();
    let (child, said) = started(lab(&format!("{LONG} --out x/a"), scratch.path()), "step ");
    std::fs::remove_dir_all(scratch.path().join("x")).unwrap();
    std::fs::write(scratch.path().join("x"), "in its way").unwrap();
    signal(&child, "-INT");
    let (code, _, said) = ended(child, said);
    assert_eq!(code, Some(1), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("error: cannot write x/a/") && last.contains("a-rescued"), "{said}");
    for file in ["checkpoint.safetensors", "run.json", "metrics.csv", "losses.png", "robustness.png"] {
        assert!(
            scratch.path().join("a-rescued").join(file).is_file() && last.contains(file),
            "{file}: {said}"
        );
    }
    must("evaluate a-rescued --device cpu --attack fgsm --samples 8", scratch.path());
}

#[test]
fn an_evaluation_whose_folder_is_removed_is_written_all_the_same() {
    let scratch = folder();
    let folder = scratch.path();
    must(&format!("{SHORT} --out run"), folder);
    let mut command = lab(&format!("{ATTACKS} --out e"), folder);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the first batch", || folder.join("e/unfinished.safetensors").exists());
    std::fs::remove_dir_all(folder.join("e")).unwrap();
    signal(&child, "-TERM");
    let said = child.stderr.take().unwrap();
    assert_eq!(ended(child, said).0, Some(143));
    assert!(folder.join("e/robustness.json").is_file() && folder.join("e/unfinished.safetensors").is_file());
}

#[test]
fn a_comparison_whose_folder_is_removed_says_what_is_gone_and_makes_it_again() {
    let scratch = folder();
    let folder = scratch.path();
    let line = "compare defense --modes baseline --seeds 2 --device cpu --data data --steps 2 --set batch_size=16 --set width=0.5 --set attack_steps=1 --out c";
    let mut command = lab(line, folder);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    wait_until("the second cell", || folder.join("c/baseline-seed2/log.txt").exists());
    // The second cell may just be writing into it.
    while std::fs::remove_dir_all(folder.join("c")).is_err() {}
    let said = child.stderr.take().unwrap();
    let (code, _, said) = ended(child, said);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("baseline-seed1") && said.contains("same command goes on"), "{said}");
    must(line, folder);
    assert!(folder.join("c/table.md").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_said_before_the_work() {
    let scratch = folder();
    let folder = scratch.path();
    must(&format!("{SHORT} --out run"), folder);
    std::fs::create_dir_all(folder.join("used/robustness.json")).unwrap();
    std::fs::create_dir_all(folder.join("trained/checkpoint.safetensors")).unwrap();
    std::fs::create_dir_all(folder.join("x-fgsm-0.1.npz")).unwrap();
    // Nobody can make a file below /proc/self. The attacks would take hours.
    let attacks = "evaluate run --device cpu --attack fgsm,autoattack --epsilon 0.1 --samples 100";
    for (line, status, expected) in [
        (format!("{LONG} --force --out /proc/self"), 1, "cannot write /proc/self"),
        (format!("{LONG} --out /proc/self/a"), 1, "cannot write /proc/self/a"),
        (format!("{LONG} --force --out trained"), 2, "trained/checkpoint.safetensors is a folder"),
        (format!("{attacks} --force --out /proc/self"), 1, "cannot write /proc/self"),
        (format!("{attacks} --out /proc/self/a"), 1, "cannot write /proc/self/a"),
        (format!("{attacks} --force --out used"), 2, "used/robustness.json is a folder"),
        (format!("{attacks} --report /proc/self/r.html"), 1, "cannot write /proc/self/r.html"),
        (format!("{attacks} --save-examples /proc/self/x.npz"), 1, "cannot write /proc/self/x-fgsm-0.1.npz"),
        (format!("{attacks} --save-examples x.npz"), 2, "x-fgsm-0.1.npz is a folder"),
        (
            "compare defense --steps 1000000 --device cpu --out /proc/self/a".into(),
            1,
            "cannot write /proc/self/a",
        ),
    ] {
        let begin = Instant::now();
        let output = run(&line, folder);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{line}: {said}");
        let complaint = said.lines().last().unwrap_or_default();
        assert!(complaint.starts_with("error: ") && complaint.contains(expected), "{line}: {said}");
        assert!(begin.elapsed() < PATIENCE, "{line}: it was said late");
    }
}

#[test]
fn without_a_terminal_lines_say_how_far_it_is_and_quiet_says_nothing() {
    let scratch = folder();
    let folder = scratch.path();
    let trained = must(&format!("{SHORT} --out run"), folder);
    let said = text(&trained.stderr);
    let line = said.lines().find(|line| line.starts_with("step 2/2 · ")).unwrap_or_else(|| panic!("{said}"));
    for expected in [" steps/s · ", " left · loss ", " · auxiliary loss "] {
        assert!(line.contains(expected), "{line}");
    }
    let evaluation = "evaluate run --device cpu --attack fgsm --epsilon 0.1 --samples 8";
    let said = text(&must(evaluation, folder).stderr);
    assert!(said.contains("attacking held-out images: 100 % · ") && said.contains(" images/s · "), "{said}");
    let comparison = "compare defense --modes baseline --seeds 1 --device cpu --data data --steps 2 --set batch_size=16 --set width=0.5 --set attack_steps=1";
    let said = text(&must(&format!("{comparison} --out c"), folder).stderr);
    assert!(said.contains("1/1 baseline-seed1: accuracy "), "{said}");
    for line in
        [format!("{SHORT} --out quiet-run"), evaluation.to_owned(), format!("{comparison} --out quiet-c")]
    {
        let said = text(&must(&format!("{line} --quiet"), folder).stderr);
        assert!(said.is_empty(), "{line}: {said}");
    }
}
