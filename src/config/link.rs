//! A run as a link: every knob that differs from its default, as the fragment of an address.
//!
//! `v1&mode=great&alpha=0.3&run`: the version, then knobs by name; `run` starts at once, `tour=3` leads to a stop of the tour.

use super::knobs;
use super::table::{Config, KNOBS};

/// The version that is written.
const VERSION: u32 = 1;

/// What a link says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linked {
    /// The run; defaults where the link says nothing, or nothing that could be kept.
    pub config: Config,
    /// Whether it starts at once.
    pub run: bool,
    /// The stop of the guided tour that it leads to, counted from 1.
    pub tour: Option<usize>,
    /// What was refused, one line each; the rest is kept.
    pub refused: Vec<String>,
}

/// The fragment, without `#`, that describes `config`.
pub fn write(config: &Config) -> String {
    let differing = KNOBS.iter().filter(|knob| knob.read(config) != knob.default_value());
    let parts = differing.map(|knob| format!("&{}={}", knob.name, encode(&knob.show(&knob.read(config)))));
    format!("v{VERSION}{}", parts.collect::<String>())
}

/// Reads a fragment, or an address that ends in one.
pub fn read(link: &str) -> Linked {
    // What is copied out of a file may begin with the file's byte-order mark.
    let link = link.trim_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
    let bare = if link.contains("://") { "" } else { link };
    let fragment = link.split_once('#').map_or(bare, |(_, fragment)| fragment);
    let mut linked = Linked::default();
    let mut known = Vec::new();
    for (index, item) in fragment.split('&').filter(|item| !item.is_empty()).enumerate() {
        let version = item.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
        let outcome = match (index, item, version) {
            (0, _, Some(VERSION)) => Ok(()),
            (0, _, Some(version)) => Err(format!(
                "it has version {version}, and this lab reads {VERSION}: some knobs may be missing"
            )),
            (_, "run", _) => {
                linked.run = true;
                Ok(())
            }
            _ => match item.strip_prefix("tour=") {
                Some(stop) => to_stop(stop).map(|stop| linked.tour = Some(stop)),
                None => take(&mut linked.config, item, &mut known),
            },
        };
        linked.refused.extend(outcome.err().map(|why| format!("In the link: {why}.")));
    }
    linked
}

/// The number of a stop of the tour.
fn to_stop(text: &str) -> Result<usize, String> {
    let stop = text.parse().ok().filter(|stop| *stop > 0);
    stop.ok_or_else(|| format!("tour={text} names no stop of the tour: they are counted from 1"))
}

/// Puts one `KNOB=VALUE` into `config`, unless the knob was `known` before.
fn take(config: &mut Config, item: &str, known: &mut Vec<&'static str>) -> Result<(), String> {
    let item = decode(item)?;
    let mut changed = config.clone();
    let knob = knobs::assign(&mut changed, &item).map_err(|error| error.to_string())?;
    if known.contains(&knob.name) {
        return Err(format!("{} is set twice, and the first value stays", knob.name));
    }
    known.push(knob.name);
    *config = changed;
    Ok(())
}

/// Percent-encodes what has a meaning in a link or none in an address.
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2).and_then(hexadecimal));
        match escaped {
            None => bytes.push(*first),
            Some(Some(byte)) => bytes.push(byte),
            Some(None) => return Err(format!("'{text}' has a % without two hexadecimal digits")),
        }
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_err(|_| format!("'{text}' is not UTF-8"))
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value, digit| Some(16 * value + char::from(*digit).to_digit(16)? as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::knob::{Kind, Value};
    use crate::config::method::Mode;
    use proptest::prelude::*;

    #[test]
    fn a_default_run_is_its_version_alone() {
        assert_eq!(write(&Config::default()), "v1");
        assert_eq!(read("v1"), Linked::default());
        assert_eq!(read(""), Linked::default());
        assert_eq!(read("https://example.org/lab/#"), Linked::default());
        assert_eq!(read("https://example.org/lab/?run"), Linked::default());
    }

    #[test]
    fn a_link_leads_to_a_stop_of_the_tour() {
        let linked = read("v1&tour=3");
        assert_eq!((linked.tour, linked.refused.len(), linked.config), (Some(3), 0, Config::default()));
        assert!(read("v1&tour=0").refused[0].contains("counted from 1"));
        assert_eq!(read("v1&tour=x").tour, None);
    }

    #[test]
    fn every_knob_comes_back() {
        for knob in KNOBS {
            let value = match knob.kind {
                Kind::Real { min, max, .. } => Value::Real(min + (max - min) / 3.0),
                Kind::Count { min, max } => Value::Count(min + (max - min) / 3),
                Kind::Choice(names) => Value::Choice(names.len() - 1),
                Kind::Text => Value::Text("/data/ä & b=#100%+1".into()),
                Kind::Drawing => Value::Text("AAA_BEFSE".into()),
            };
            let mut config = Config::default();
            knob.write(&mut config, value).unwrap();
            let linked = read(&format!("https://example.org/?device=cpu#{}", write(&config)));
            assert_eq!((linked.config, linked.refused), (config, Vec::<String>::new()), "{}", knob.name);
        }
    }

    #[test]
    fn what_is_illegal_is_refused_one_by_one_and_the_rest_is_kept() {
        let linked = read(
            "https://a.b/c?d#v1&alpha=0.5&alpha=1&beta=-1&gamma=2&mode=grate&seed&data=%zz&data=%FF&mode=great+greace&steps=12&run",
        );
        assert!(linked.run);
        assert_eq!(
            (linked.config.hyper.alpha, linked.config.setup.mode, linked.config.setup.steps),
            (0.5, Mode::GreatGreace, 12)
        );
        let expected = [
            "alpha is set twice",
            "beta: -1",
            "'gamma'",
            "grate",
            "'seed' is not of the form",
            "hexadecimal",
            "UTF-8",
        ];
        assert_eq!(linked.refused.len(), expected.len(), "{:?}", linked.refused);
        for (refused, expected) in linked.refused.iter().zip(expected) {
            assert!(refused.contains(expected), "{refused}: {expected}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_link() {
        assert_eq!(read("\u{feff}v1&alpha=0.5\r\n"), read("v1&alpha=0.5"));
        assert_eq!(read("\u{feff} #v1&alpha=0.5").config.hyper.alpha, 0.5);
    }

    #[test]
    fn a_later_version_gives_what_is_known_of_it() {
        let linked = read("#v7&alpha=2&delta=1");
        assert_eq!((linked.config.hyper.alpha, linked.refused.len()), (2.0, 2));
        assert!(linked.refused[0].contains("version 7"), "{:?}", linked.refused);
    }

    #[test]
    fn links_from_before_open_as_they_did() {
        #[derive(serde::Deserialize)]
        struct Sample {
            link: String,
            config: Config,
            run: bool,
            refused: Vec<String>,
        }
        let samples: Vec<Sample> =
            serde_json::from_str(include_str!("../../tests/data/before/links.json")).unwrap();
        for Sample { link, config, run, refused } in samples {
            if link.starts_with("v1") {
                assert_eq!(write(&config), link, "it is written as it was");
            }
            assert_eq!(read(&link), Linked { config, run, refused, tour: None }, "{link}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            read(&text);
        }

        #[test]
        fn any_data_name_comes_back(name in "[^\\s].{0,40}[^\\s]") {
            let mut config = Config::default();
            config.setup.data = name;
            prop_assert_eq!(read(&write(&config)).config, config);
        }
    }
}
