//! `great-lab devices`: the adapters of this machine, their limits, and which one `auto` takes.

use std::fmt::Write as _;

use crate::gpu::{Adapter, AdapterKind, adapters};

/// The list as people read it.
pub fn list() -> String {
    describe(&adapters())
}

fn describe(adapters: &[Adapter]) -> String {
    let mut text = String::new();
    for adapter in adapters {
        let features = [
            (adapter.shader_f16, "16-bit floats"),
            (adapter.subgroups, "subgroups"),
            (adapter.timestamps, "timestamps"),
        ];
        let features: Vec<_> = features.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{} {adapter}\n    driver         {}\n    workgroup      {} invocations, {} shared\n    \
             largest buffer {}\n    bindings       {} storage buffers\n    features       {}\n",
            if adapter.is_default { '*' } else { ' ' },
            if adapter.driver.is_empty() { "unknown" } else { &adapter.driver },
            adapter.workgroup_invocations,
            bytes(u64::from(adapter.workgroup_bytes)),
            bytes(adapter.buffer_bytes),
            adapter.storage_buffers,
            if features.is_empty() { "none beyond the basic ones".into() } else { features.join(", ") },
        );
    }
    let default = adapters.iter().find(|adapter| adapter.is_default);
    let mark = if default.is_none() { '*' } else { ' ' };
    text += &format!("{mark} CPU (flex)\n    always there; no driver needed\n\n");
    text += &match default {
        Some(adapter) => format!("--device auto takes {}.\n", adapter.name),
        None => "--device auto takes the CPU: there is no GPU that a driver offers.\n".into(),
    };
    if adapters.iter().any(|adapter| adapter.kind == AdapterKind::Software) {
        text += "A software driver is used only when named, as in --device llvmpipe; it is slower than --device cpu.\n";
    }
    text
}

/// A number of bytes in the largest unit that keeps them above one.
fn bytes(count: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = (0..units.len() - 1).take_while(|power| count >> (10 * (power + 1)) > 0).count();
    let value = count as f64 / 1024_f64.powi(power as i32);
    let text = format!("{value:.1}");
    format!("{} {}", text.trim_end_matches(".0"), units[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        for (count, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (16384, "16 KiB"),
            (1 << 31, "2 GiB"),
            (u64::MAX, "16777216 TiB"),
            (1536 << 20, "1.5 GiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn without_an_adapter_the_cpu_is_marked() {
        let text = describe(&[]);
        assert!(text.starts_with("* CPU (flex)") && text.contains("auto takes the CPU"), "{text}");
    }
}
