//! `great-lab examples`: the ready-made runs, each with the one thing to see.

use std::fmt::Write as _;

use crate::config::{EXAMPLES, GALLERY, ScenarioKind};

/// The list as people read it.
pub fn list() -> String {
    let mut text =
        String::from("To begin with; each shows its point within a minute on two processor cores.\n\n");
    for piece in &GALLERY {
        let command = match piece.linked().config.setup.scenario {
            ScenarioKind::Defense => "train",
            ScenarioKind::Distillation => "distill",
            ScenarioKind::Multitask => "multitask",
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{}\n    {}: {}\n    great-lab --example {name}, or great-lab {command} --example {name}\n    #{}\n\n",
            piece.name,
            piece.title,
            piece.see,
            piece.link,
            name = piece.name
        );
    }
    text += "The paper's rows, and what they are held against (great-lab train --example NAME).\n\n";
    for example in &EXAMPLES {
        let _ = writeln!(text, "{}\n    {}: {}", example.name, example.title, example.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_listed_with_its_command_and_its_link() {
        let text = list();
        for piece in &GALLERY {
            assert!(text.contains(&format!("#{}", piece.link)) && text.contains(piece.see), "{}", piece.name);
        }
        assert!(text.contains("great-lab distill --example jacobian-matching"));
        assert!(EXAMPLES.iter().all(|example| text.contains(example.about)));
    }
}
