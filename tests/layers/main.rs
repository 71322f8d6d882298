//! The layer rule: who may import whom, as `src/lib.rs` draws it, and where burn, egui, `cfg` and `unwrap` may stand.
//! Besides, the bans that clippy cannot check, and the circles among files.

#![allow(clippy::unwrap_used, reason = "where a helper of a test fails, so does the test")]

mod circles;
mod kernels;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// Who may know less of the package than the layers below, and what that is.
const KNOWN_TO: [(&str, &[&str]); 2] = [
    ("runs", &["config", "platform", "protocol", "show"]),
    ("app", &["config", "platform", "protocol", "show", "runs"]),
];
/// What knows no tensor and no device.
const WITHOUT_TENSORS: [&str; 5] = ["config", "protocol", "show", "runs", "app"];
/// Files that a folder may hold, and folders that may hold more.
const MOST_FILES: usize = 13;
const ROOMIER: [(&str, usize); 1] = [("scenario/multitask", 14)];
/// Who may use a module of its own layer: layers compute by the kernels that `gpu` declares.
const PEERS: [(&str, &str); 1] = [("nn", "gpu")];
/// Where a native program may differ from a page; `lib.rs` leaves out one module besides.
const KNOW_THE_TARGET: [&str; 2] = ["platform.rs", "main.rs"];

/// Where a new method or attack must not compile before it is said what it does.
const WITHOUT_WILDCARDS: [&str; 6] = [
    "config/method.rs",
    "config/attack.rs",
    "attack/routine.rs",
    "scenario/defense.rs",
    "scenario/distillation.rs",
    "scenario/multitask/balance.rs",
];

/// The layers of the diagram in the text of `src/lib.rs`, lowest first.
fn layers(lib: &str) -> Vec<Vec<String>> {
    let diagram = lib.lines().find(|line| line.starts_with("//!") && line.contains("<-")).unwrap_or("//!");
    let names = |layer: &str| {
        let names = layer.split(|char: char| !char.is_alphanumeric() && char != '_');
        names.filter(|name| !name.is_empty()).map(String::from).collect()
    };
    diagram["//!".len()..].split("<-").map(names).collect()
}

/// Why `user` may not name `path`, if it may not.
fn refusal(layers: &[Vec<String>], user: &str, path: &[String]) -> Option<String> {
    let rank = |module: &str| layers.iter().position(|layer| layer.iter().any(|name| name == module));
    let used = path.first().map_or("crate", String::as_str);
    if user == used {
        return None;
    }
    if let Some((_, known)) = KNOWN_TO.iter().find(|(name, _)| *name == user) {
        return (!known.contains(&used)).then(|| format!("{user} may not use {}", path.join("::")));
    }
    match (rank(user), rank(used)) {
        (None, _) => Some(format!("{user} stands in no layer")),
        (_, None) => Some(format!("{user} uses {used}, which stands in no layer")),
        (Some(upper), Some(lower)) => {
            (lower >= upper && !PEERS.contains(&(user, used))).then(|| format!("{user} may not use {used}"))
        }
    }
}

/// What is wrong with a file, each with its line.
fn violations(layers: &[Vec<String>], source: &Source) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for (path, line) in source.paths() {
        found.extend(refusal(layers, source.owner(), &path).map(|why| (line, why)));
    }
    for (path, line) in source.paths_of("std") {
        let is_clock = path.iter().any(|part| part == "Instant" || part == "SystemTime");
        found
            .extend(is_clock.then(|| (line, format!("{} panics on the web; use web_time", path.join("::")))));
    }
    let in_tests = source.test_items();
    for (at, token) in source.tokens.iter().enumerate() {
        let crate_is = |name: &str| token.text == name || token.text.starts_with(&format!("{name}_"));
        let is_window = matches!(source.owner(), "app" | "main");
        let owner = source.owner();
        let why = if WITHOUT_TENSORS.contains(&owner) && ["burn", "cubecl", "wgpu"].into_iter().any(crate_is)
        {
            format!("{owner} may not use {}", token.text)
        } else if owner != "headless" && crate_is("plotters") {
            format!("only headless may use {}", token.text)
        } else if !is_window && ["egui", "eframe"].into_iter().any(crate_is) {
            format!("only app and main.rs may use {}", token.text)
        } else if matches!(token.text.as_str(), "target_arch" | "target_family")
            && !may_know_target(source, at)
        {
            format!("{} belongs into platform.rs", token.text)
        } else if source.reads(at, &[".", "unwrap", "("]) && !in_tests.iter().any(|item| item.contains(&at)) {
            "unwrap outside tests".into()
        } else if token.text.starts_with("0x5eed_") && source.path != "config/seed.rs" {
            "the number of a stream belongs into config/seed.rs".into()
        } else {
            continue;
        };
        found.push((token.line, why));
    }
    found.into_iter().map(|(line, why)| format!("src/{}:{line}: {why}", source.path)).collect()
}

/// Whether the `target_arch` or `target_family` at `at` is one of those that must be.
fn may_know_target(source: &Source, at: usize) -> bool {
    let attribute = (0..at).rev().find(|start| source.reads(*start, &["#", "["]));
    let Some(attribute) = attribute else { return KNOW_THE_TARGET.contains(&source.path.as_str()) };
    let leaves_out_headless = source.path == "lib.rs"
        && source.reads(at, &["target_arch", "=", ")", ")", "]", "pub", "mod", "headless", ";"]);
    // burn has no other way to say on which backends a kernel is there.
    let is_backends = source.owner() == "gpu" && source.text(attribute + 2) == "backend_extension";
    KNOW_THE_TARGET.contains(&source.path.as_str()) || leaves_out_headless || is_backends
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` with that extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let below = |path: &Path| -> String {
        let parts = path.strip_prefix(&folder).unwrap().iter().map(|part| part.to_str().unwrap());
        parts.collect::<Vec<_>>().join("/")
    };
    files(&folder, "rs").iter().map(|path| Source::new(&below(path), &read(path))).collect()
}

/// A line for each use of a file by another of its circle.
fn circular(sources: &[Source]) -> Vec<String> {
    let arrows = circles::arrows(sources);
    let circles = circles::circles(sources.len(), &arrows);
    let is_inside = |arrow: &&circles::Arrow| {
        circles.iter().any(|circle| circle.contains(&arrow.from) && circle.contains(&arrow.to))
    };
    let line = |arrow: &circles::Arrow| {
        let [from, to] = [arrow.from, arrow.to].map(|file| &sources[file].path);
        format!("in a circle: {from}:{} → {to}: {}", arrow.line, arrow.name)
    };
    arrows.iter().filter(is_inside).map(line).collect()
}

#[test]
fn files_form_no_circle() {
    let found = circular(&sources());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_seen() {
    let tree = |files: &[(&str, &str)]| {
        let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        circular(&sources)
    };
    let pair = [("a.rs", "use crate::b::B;"), ("b.rs", "\nfn f() { super::a::g(); }")];
    assert_eq!(
        tree(&pair),
        ["in a circle: a.rs:1 → b.rs: B", "in a circle: b.rs:2 → a.rs: g"],
        "by whole paths"
    );

    let by_child = [("a/mod.rs", "mod b; pub struct A; fn f() { b::g(); }"), ("a/b.rs", "use super::A;")];
    assert_eq!(tree(&by_child).len(), 2, "by the name of a child");
    let exported = [("a/mod.rs", "mod b; pub use b::B; pub struct A(B);"), ("a/b.rs", "use super::A;")];
    assert_eq!(tree(&exported).len(), 2, "what is re-exported and used");
    let facade = [
        ("a/mod.rs", "mod b; mod c; pub use {b::B, c::C as D};"),
        ("a/b.rs", "use super::D;"),
        ("a/c.rs", "use super::B;"),
    ];
    let found = tree(&facade);
    assert!(
        found.len() == 2 && found.iter().all(|why| !why.contains("mod.rs")),
        "through a facade: {found:?}"
    );
    let star = [
        ("a/mod.rs", "mod b; mod c; pub(crate) use b::*; pub use c::*;"),
        ("a/b.rs", "pub struct B; use crate::a::{self, C};"),
        ("a/c.rs", "pub struct C; fn f() { crate::a::B; }"),
    ];
    assert_eq!(tree(&star).len(), 2, "through a facade of stars: {:?}", tree(&star));
    let triangle = [("a.rs", "use crate::b;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")];
    assert_eq!(tree(&triangle).len(), 3, "over three files");
}

#[test]
fn what_is_no_circle_is_left_alone() {
    let trees: [&[(&str, &str)]; 5] = [
        &[("a/mod.rs", "mod b; pub use b::b;"), ("a/b.rs", "pub(in crate::a) fn b() {} use super::b as c;")],
        &[("a/mod.rs", "mod b; pub use b::B;"), ("a/b.rs", "use super::B as C; use crate::a;")],
        &[("a.rs", "use crate::b::B; fn f() { c.b::<u8>(); }"), ("b.rs", "// use crate::a;")],
        &[("a.rs", "use crate::b::B;"), ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }")],
        &[
            ("a/mod.rs", "use b::B; mod b; #[cfg(test)] mod tests;"),
            ("a/tests.rs", "use super::x;"),
            ("a/b.rs", ""),
        ],
    ];
    for files in trees {
        let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        assert_eq!(circular(&sources), [""; 0], "{files:?}");
    }
}

#[test]
fn matches_on_methods_and_attacks_have_no_wildcard() {
    let denies = |source: &Source| {
        source.reads(0, &["#", "!", "[", "deny", "(", "clippy", "::", "wildcard_enum_match_arm", ")", "]"])
    };
    for path in WITHOUT_WILDCARDS {
        let source = Source::new(path, &read(&root().join("src").join(path)));
        assert!(denies(&source), "{path} does not begin with a denial of clippy::wildcard_enum_match_arm");
    }
    for (text, expected) in [
        ("//! a\n\n#![deny(clippy::wildcard_enum_match_arm)]\nuse b;", true),
        ("use b;", false),
        ("//! #![deny(clippy::wildcard_enum_match_arm)]\nuse b;", false),
        ("#[allow(clippy::wildcard_enum_match_arm)] fn f() {}", false),
    ] {
        assert_eq!(denies(&Source::new("a.rs", text)), expected, "{text}");
    }
}

#[test]
fn every_source_keeps_to_its_layer() {
    let layers = layers(&read(&root().join("src/lib.rs")));
    let sources = sources();
    assert!(sources.len() > 50 && sources.iter().map(|source| source.paths().len()).sum::<usize>() > 200);
    let for_tests: Vec<_> = sources.iter().flat_map(Source::test_modules).collect();
    let wrong: Vec<_> = sources
        .iter()
        .flat_map(|source| {
            let is_test = for_tests.contains(&source.module);
            violations(&layers, source).into_iter().filter(move |why| !(is_test && why.contains("unwrap")))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Folders that hold more files than they may, of these files' paths.
fn crowded<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut folders = std::collections::BTreeMap::<&str, usize>::new();
    for path in paths {
        *folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    let most = |folder: &str| {
        ROOMIER.iter().find(|(known, _)| *known == folder).map_or(MOST_FILES, |(_, most)| *most)
    };
    folders.retain(|folder, files| *files > most(folder));
    folders
        .iter()
        .map(|(folder, files)| format!("src/{folder} holds {files} files; {} is most", most(folder)))
        .collect()
}

#[test]
fn rooms_are_small() {
    let folder = root().join("src");
    let sources = files(&folder, "rs");
    let below = sources.iter().map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap());
    assert_eq!(crowded(below), [""; 0]);
    let names: Vec<String> = (0..14).map(|number| format!("app/panes/{number}.rs")).collect();
    assert_eq!(crowded(names.iter().map(String::as_str)), ["src/app/panes holds 14 files; 13 is most"]);
    assert_eq!(crowded(names[..13].iter().map(String::as_str)), [""; 0]);
}

fn drawn() -> Vec<Vec<String>> {
    layers(&read(&root().join("src/lib.rs")))
}

fn broken(path: &str, text: &str) -> Vec<String> {
    violations(&drawn(), &Source::new(path, text))
}

#[test]
fn the_diagram_is_the_design() {
    let expected: [&[&str]; 8] = [
        &["config", "platform"],
        &["protocol"],
        &["show", "data", "nn", "gpu"],
        &["runs", "attack"],
        &["scenario"],
        &["train"],
        &["headless", "app"],
        &["main"],
    ];
    assert_eq!(drawn(), expected);
}

/// A file, what it says, and what is wrong with that.
const BREAKS: &[(&str, &str, &str)] = &[
    ("gpu/device/open.rs", "use crate::nn::Network;", "gpu may not use nn"),
    ("nn/loss.rs", "fn f() { let g = crate::attack::pgd(); }", "nn may not use attack"),
    ("nn/loss.rs", "use crate::data::Dataset;", "nn may not use data"),
    ("data/mod.rs", "use crate::{config::Mode, train::{session::Run}};", "data may not use train"),
    ("headless/mod.rs", "use crate::app::Lab;", "headless may not use app"),
    ("attack/mod.rs", "use super::scenario::Defense;", "attack may not use scenario"),
    ("attack/pgd.rs", "mod tests { use super::super::super::train::Trainer; }", "attack may not use train"),
    ("attack/pgd.rs", "mod tests { } use super::super::train::Trainer;", "attack may not use train"),
    ("config.rs", "use crate as lab;", "config uses crate, which stands in no layer"),
    ("train/mod.rs", "use crate::utils::f;", "train uses utils, which stands in no layer"),
    ("utils.rs", "use crate::config::Mode;", "utils stands in no layer"),
    ("app/mod.rs", "use crate::{config, train::{benchmark, spawn}};", "app may not use train::spawn"),
    ("app/mod.rs", "use crate::train;", "app may not use train"),
    ("app/mod.rs", "use crate::gpu::open;", "app may not use gpu::open"),
    ("runs/record/file.rs", "use crate::data::text::decode;", "runs may not use data::text::decode"),
    (
        "runs/writer.rs",
        "use crate::train::checkpoint::Checkpoint;",
        "runs may not use train::checkpoint::Checkpoint",
    ),
    ("runs/writer.rs", "use burn::tensor::Tensor;", "runs may not use burn"),
    ("app/chart.rs", "use burn::tensor::Tensor;", "app may not use burn"),
    ("app/chart.rs", "fn f(device: &eframe::wgpu::Device) {}", "app may not use wgpu"),
    ("headless/charts.rs", "use egui_plot::Plot;", "only app and main.rs may use egui_plot"),
    ("config/device.rs", "use wgpu::Adapter;", "config may not use wgpu"),
    ("protocol/run.rs", "use burn::tensor::Tensor;", "protocol may not use burn"),
    ("show/chart.rs", "fn f() -> cubecl_ir::Id {}", "show may not use cubecl_ir"),
    ("show/chart.rs", "use plotters::prelude::*;", "only headless may use plotters"),
    ("train/mod.rs", "#[cfg(target_arch = \"wasm32\")] fn f() {}", "target_arch belongs into platform.rs"),
    ("lib.rs", "#[cfg(not(target_arch = \"wasm32\"))] pub mod data;", "target_arch belongs into platform.rs"),
    ("gpu/mod.rs", "#[cfg(target_family = \"wasm\")] fn f() {}", "target_family belongs into platform.rs"),
    ("data/idx.rs", "fn f() { g().unwrap(); }", "unwrap outside tests"),
    ("nn/loss.rs", "const SEED: u64 = 0x5eed_0009;", "the number of a stream belongs into config/seed.rs"),
    (
        "train/mod.rs",
        "fn f() { std::time::SystemTime::now(); }",
        "std::time::SystemTime::now panics on the web; use web_time",
    ),
    (
        "train/mod.rs",
        "use std::{fs, time::{Duration, Instant}};",
        "std::time::Instant panics on the web; use web_time",
    ),
    ("data/idx.rs", "#[cfg(test)] mod tests { } fn f() { g().unwrap(); }", "unwrap outside tests"),
    ("data/idx.rs", "fn f() { g('\"'); h(r#\"\"\"#); i(b'\\''); k().unwrap() }", "unwrap outside tests"),
];

#[test]
fn what_breaks_the_rule_is_seen() {
    for (path, text, expected) in BREAKS {
        let found = broken(path, text);
        assert!(found.iter().any(|why| why.ends_with(expected)), "{path}: {text}\nfound: {found:?}");
    }
    assert_eq!(
        broken("nn/a.rs", "\n\"\n\"\n/*\n*/ use crate::train::spawn;"),
        ["src/nn/a.rs:5: nn may not use train"]
    );
}

#[test]
fn what_keeps_to_the_rule_is_left_alone() {
    let cases = [
        (
            "gpu/device/open.rs",
            "use crate::config::DeviceInfo; pub(crate) use super::adapter; use self::inner::X;",
        ),
        ("gpu/device/open.rs", "mod tests { use super::super::adapter::{mark, tests::adapter}; }"),
        ("nn/layer.rs", "use crate::gpu::conv2d;"),
        ("config/seed.rs", "const SEED: u64 = 0x5eed_0009;"),
        (
            "nn/loss.rs",
            "// crate::train::x egui\n/* use crate::app; /* nested */ .unwrap() */ const A: &str = \"burn\\\" egui\";",
        ),
        (
            "nn/loss.rs",
            "const A: &str = r#\"use crate::train::\"egui\" \"#; fn f<'egui>(x: &'egui str) -> char { '\"' }",
        ),
        (
            "app/mod.rs",
            "use crate::{app::chart, config::*, platform, protocol::{Event, Remote}, runs::Library}; use egui_plot::Plot;",
        ),
        ("main.rs", "use great_lab::{app, headless}; use eframe::NativeOptions;"),
        ("train/mod.rs", "use std::time::Duration; use web_time::Instant;"),
        ("platform.rs", "#[cfg(target_arch = \"wasm32\")] fn f() {}"),
        ("main.rs", "fn f() -> bool { cfg!(target_arch = \"wasm32\") }"),
        ("lib.rs", "#[cfg(not(target_arch = \"wasm32\"))]\npub mod headless;"),
        (
            "gpu/mod.rs",
            "#[backend_extension(Cube, Fusion: cfg(not(target_family = \"wasm\")))] trait Kernel {}",
        ),
        (
            "data/idx.rs",
            "fn f() { g().unwrap_or(0); } #[cfg(test)] mod tests { fn f() { { g().unwrap(); } } }",
        ),
    ];
    for (path, text) in cases {
        assert_eq!(broken(path, text), [""; 0], "{path}: {text}");
    }
    let parent = Source::new("headless/mod.rs", "mod a; #[cfg(test)] mod fixtures; mod b;");
    assert_eq!(parent.test_modules(), [["headless", "fixtures"]]);
}
