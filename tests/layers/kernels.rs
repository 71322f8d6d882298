//! The rooms of `src/gpu`: who may use whom, and that each shader belongs to the operation that its path names.

use std::collections::BTreeMap;

use super::circles::arrows;
use super::source::Source;
use super::{files, read, root, sources};

/// What every operation may compute with; these know nothing of each other.
const FOUNDATIONS: [&str; 3] = ["autodiff", "host", "launch"];
/// Which operation may use another one.
const OPERATIONS: [(&str, &str); 2] = [("group_norm", "activation"), ("convolution", "sum_parts")];

/// The room of a file of `src/gpu`, and whether that is an operation; none of its facades.
fn room(path: &str) -> Option<(&str, bool)> {
    let below = path.strip_prefix("gpu/")?.trim_end_matches(".rs");
    let mut parts = below.split('/').filter(|part| *part != "mod");
    match (parts.next()?, parts.next()) {
        ("ops", operation) => Some((operation?, true)),
        (room, _) => Some((room, false)),
    }
}

/// Uses of one room by another that is not below it.
fn upward(sources: &[Source]) -> Vec<String> {
    let rooms = arrows(sources).into_iter().filter_map(|arrow| {
        let [from, to] = [arrow.from, arrow.to].map(|file| &sources[file].path);
        let ((user, is_operation), (used, of_operation)) = (room(from)?, room(to)?);
        let may = user == used
            || match (is_operation, of_operation) {
                (true, true) => OPERATIONS.contains(&(user, used)),
                (true, false) => FOUNDATIONS.contains(&used),
                (false, true) => user == "catalog",
                (false, false) => user == "catalog" && used == "launch",
            };
        (!may).then(|| format!("src/{from}:{}: {user} may not use {used}", arrow.line))
    });
    rooms.collect()
}

/// What is wrong with who includes which shader; sources with their text.
fn strays(shaders: &[&str], files: &[(&str, &str)]) -> Vec<String> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut found = Vec::new();
    for (path, text) in files {
        let source = Source::new(path, text);
        let for_tests: Vec<_> = source
            .test_items()
            .into_iter()
            .map(|item| source.tokens[item.start].line..=source.tokens[item.end - 1].line)
            .collect();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let is_code = !line.trim_start().starts_with("//");
            if !is_code || for_tests.iter().any(|lines| lines.contains(&number)) {
                continue;
            }
            let mut rest = line;
            while let Some((_, after)) = rest.split_once("shader!(\"") {
                let name = after.split('"').next().unwrap_or_default();
                users.entry(name).or_default().push(path);
                rest = after;
            }
            if line.contains("include_str!") && line.contains(".wgsl") {
                found.push(format!("src/{path}:{number}: a shader is included by shader! alone"));
            }
        }
    }
    for shader in shaders {
        let operation = shader.split('/').next().unwrap_or_default().trim_end_matches(".wgsl");
        match users.get(shader).map_or(&[][..], Vec::as_slice) {
            [] => found.push(format!("shaders/{shader}: no kernel is made of it")),
            [user] if room(user) == Some((operation, true)) => {}
            [user] => found.push(format!("shaders/{shader}: src/{user} is not of {operation}")),
            _ => found.push(format!("shaders/{shader}: named more than once")),
        }
    }
    found
}

#[test]
fn rooms_use_what_is_below_them() {
    let sources = sources();
    let operations = sources.iter().filter_map(|source| room(&source.path)).filter(|(_, is)| *is).count();
    assert!(operations > 30, "{operations} files of operations");
    let wrong = upward(&sources);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn each_shader_belongs_to_its_operation() {
    let folder = root().join("shaders");
    let below =
        |path: &std::path::Path| path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
    let shaders: Vec<_> = files(&folder, "wgsl").iter().map(|path| below(path)).collect();
    assert!(shaders.len() > 20);
    let texts: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.owner() == "gpu")
        .map(|source| (source.path.clone(), read(&root().join("src").join(&source.path))))
        .collect();
    let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let wrong = strays(&shaders.iter().map(String::as_str).collect::<Vec<_>>(), &texts);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_use_upwards_is_seen() {
    let tree = |path: &str, text: &str| {
        let names =
            ["launch/info.rs", "host/real.rs", "ops/activation/curve.rs", "ops/pooling.rs", "device/open.rs"];
        let mut sources: Vec<_> = names.iter().map(|name| Source::new(&format!("gpu/{name}"), "")).collect();
        sources.push(Source::new(path, text));
        upward(&sources)
    };
    for (path, text, expected) in [
        ("gpu/launch/plain.rs", "use crate::gpu::host::real::Real;", "launch may not use host"),
        ("gpu/host/rows.rs", "use crate::gpu::ops::pooling::means;", "host may not use pooling"),
        ("gpu/ops/objective/mod.rs", "use super::pooling::means;", "objective may not use pooling"),
        ("gpu/ops/images/mod.rs", "use crate::gpu::device::open::open;", "images may not use device"),
        ("gpu/catalog.rs", "use super::device::open::open;", "catalog may not use device"),
    ] {
        assert_eq!(tree(path, text), [format!("src/{path}:1: {expected}")]);
    }
    for (path, text) in [
        ("gpu/ops/group_norm/host.rs", "use crate::gpu::ops::activation::curve::Curve;"),
        ("gpu/ops/objective/host.rs", "use crate::gpu::{host::real::Real, launch::info::info};"),
        ("gpu/ops/objective/tests.rs", "#[cfg(test)] mod tests { use crate::gpu::device::open::open; }"),
        ("gpu/catalog.rs", "use super::{launch::info::info, ops::pooling::shaders};"),
    ] {
        assert_eq!(tree(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_stray_shader_is_seen() {
    let one = "const SHADER: Shader = shader!(\"pooling.wgsl\");";
    let test = "#[cfg(test)]\nmod tests {\n    const A: Shader = shader!(\"pooling.wgsl\");\n}\n";
    assert_eq!(strays(&["pooling.wgsl"], &[("gpu/ops/pooling.rs", one)]), [""; 0]);
    let with_test = format!("{one}\n{test}");
    assert_eq!(strays(&["pooling.wgsl"], &[("gpu/ops/pooling.rs", with_test.as_str())]), [""; 0]);
    for (files, expected) in [
        (vec![("gpu/ops/pooling.rs", test)], "shaders/pooling.wgsl: no kernel is made of it"),
        (
            vec![("gpu/ops/pooling.rs", "// shader!(\"pooling.wgsl\")")],
            "shaders/pooling.wgsl: no kernel is made of it",
        ),
        (
            vec![("gpu/ops/images/kernel.rs", one)],
            "shaders/pooling.wgsl: src/gpu/ops/images/kernel.rs is not of pooling",
        ),
        (
            vec![("gpu/ops/pooling.rs", one), ("gpu/ops/images/kernel.rs", one)],
            "shaders/pooling.wgsl: named more than once",
        ),
    ] {
        assert_eq!(strays(&["pooling.wgsl"], &files), [expected]);
    }
    let included = format!("{one}\nconst TEXT: &str = include_str!(\"../../shaders/pooling.wgsl\");");
    let found = strays(&["pooling.wgsl"], &[("gpu/ops/pooling.rs", included.as_str())]);
    assert_eq!(found, ["src/gpu/ops/pooling.rs:2: a shader is included by shader! alone"]);
}
