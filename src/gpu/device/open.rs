//! Which device computes: a real GPU where there is one, the CPU backend otherwise, software drivers only by name.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuInitError, WgpuSetup};

use super::adapter::{Adapter, AdapterKind, at_once, enumerate};
use crate::config::DeviceInfo;

/// Launches that a software driver is handed at once: each submission costs it a wait, and there is no processor beside
/// it that could begin sooner. With cubecl's own 32, a GREAT+GREACE step of `cnn-small` took a sixth longer on llvmpipe.
const SOFTWARE_LAUNCHES: usize = 256;

/// Which device is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A real GPU, and the CPU where there is none.
    Auto,
    /// A real GPU or an error.
    Gpu,
    /// burn's `flex` CPU backend.
    Cpu,
    /// The adapter whose name contains this, in whatever case; a software driver is only ever chosen this way.
    Named(String),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("say auto, gpu, cpu or a part of an adapter's name".into()),
            "auto" => Ok(Self::Auto),
            "gpu" => Ok(Self::Gpu),
            "cpu" => Ok(Self::Cpu),
            name => Ok(Self::Named(name.into())),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Named(name) => name,
        })
    }
}

/// Why no device could be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// `gpu` was asked for and there is none.
    #[error("no GPU found; adapters: {found}. Install the GPU's Vulkan driver, or say --device cpu")]
    NoGpu {
        /// The adapters there are.
        found: String,
    },
    /// No adapter has the name.
    #[error("no adapter's name contains '{name}'; adapters: {found}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The adapters there are.
        found: String,
    },
    /// Several adapters have the name.
    #[error("'{name}' is part of several adapters' names: {matches}. Give more of the name")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Those that match.
        matches: String,
    },
    /// The adapter gave no device.
    #[error("cannot open {adapter}: {source}. Update its driver, or say --device cpu")]
    Refused {
        /// The adapter.
        adapter: String,
        /// What burn or the driver says.
        source: Box<WgpuInitError>,
    },
    /// The adapter did not answer at once, as it does everywhere but in a page.
    #[error("{adapter} did not answer; say --device cpu")]
    Late {
        /// The adapter.
        adapter: String,
    },
    /// Another adapter than the one chosen answered.
    #[error("asked for {adapter} and got '{got}'; say --device with another adapter's name")]
    Mistaken {
        /// The adapter that was meant.
        adapter: String,
        /// The one that answered.
        got: String,
    },
}

/// A device to compute on.
#[derive(Clone, Debug)]
pub struct Opened {
    /// For tensors; without autodiff.
    pub device: Device,
    /// What people should know of it.
    pub info: DeviceInfo,
    /// Instance, adapter, device and queue for a window to share; none on the CPU.
    pub setup: Option<WgpuSetup>,
}

/// What this process has opened, by adapter: burn opens none twice.
/// Held while instances come and go, too: the Vulkan loader crashes when that happens on several threads.
static OPENED: Mutex<Vec<(Adapter, Opened)>> = Mutex::new(Vec::new());

/// The adapters of this machine, interface by interface; empty where there is no driver at all.
pub fn adapters() -> Vec<Adapter> {
    let _guard = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    enumerate()
}

/// Opens the device of that choice; opening an adapter again gives the same device.
///
/// # Errors
/// Where the choice names no adapter or several, wants a GPU that is not there, or the driver refuses.
/// `auto` never fails for want of a GPU: it takes the CPU and says so in [`DeviceInfo::notice`].
pub fn open(choice: &Choice) -> Result<Opened, DeviceError> {
    if *choice == Choice::Cpu {
        return Ok(cpu(None));
    }
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let adapters = enumerate();
    let Some(adapter) = choose(choice, &adapters)? else {
        return Ok(cpu(Some(
            "No GPU found: computing on the CPU, which is slower. Install the GPU's Vulkan driver to use it."
                .into(),
        )));
    };
    if let Some((_, known)) = opened.iter().find(|(known, _)| known.selector == adapter.selector) {
        return Ok(known.clone());
    }
    match open_adapter(adapter) {
        Ok(new) => {
            opened.push((adapter.clone(), new.clone()));
            Ok(new)
        }
        Err(error) if *choice == Choice::Auto => Ok(cpu(Some(format!("Computing on the CPU: {error}.")))),
        Err(error) => Err(error),
    }
}

/// The adapter of that choice; none means the CPU.
fn choose<'a>(choice: &Choice, adapters: &'a [Adapter]) -> Result<Option<&'a Adapter>, DeviceError> {
    match choice {
        Choice::Cpu => Ok(None),
        Choice::Auto => Ok(adapters.iter().find(|adapter| adapter.is_default)),
        Choice::Gpu => match adapters.iter().find(|adapter| adapter.is_default) {
            None => Err(DeviceError::NoGpu { found: list(adapters) }),
            found => Ok(found),
        },
        Choice::Named(name) => named(name, adapters).map(Some),
    }
}

/// The one adapter with that name, or with that in its name; of one GPU behind several interfaces the best.
fn named<'a>(name: &str, adapters: &'a [Adapter]) -> Result<&'a Adapter, DeviceError> {
    let wanted = name.to_lowercase();
    let mut matches: Vec<&Adapter> = Vec::new();
    for adapter in adapters.iter().filter(|adapter| adapter.name.to_lowercase().contains(&wanted)) {
        if adapter.name.to_lowercase() == wanted {
            return Ok(adapter);
        }
        if !matches.iter().any(|known| known.name == adapter.name) {
            matches.push(adapter);
        }
    }
    match matches[..] {
        [] => Err(DeviceError::Unknown { name: name.into(), found: list(adapters) }),
        [adapter] => Ok(adapter),
        _ => Err(DeviceError::Ambiguous { name: name.into(), matches: list(matches) }),
    }
}

fn list<'a>(adapters: impl IntoIterator<Item = &'a Adapter>) -> String {
    let names: Vec<_> = adapters.into_iter().map(Adapter::to_string).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// The CPU backend, with what people should know of why.
pub(in crate::gpu) fn cpu(notice: Option<String>) -> Opened {
    let info = DeviceInfo {
        name: "CPU".into(),
        backend: DeviceInfo::CPU_BACKEND.into(),
        is_gpu: false,
        has_f16: false,
        notice,
    };
    Opened { device: Device::flex(), info, setup: None }
}

fn open_adapter(adapter: &Adapter) -> Result<Opened, DeviceError> {
    let (interface, kind) = adapter.selector.clone();
    // burn has no other form that a page can compile.
    let mut options = Device::wgpu_options().graphics_api(interface).device_kind(kind);
    if adapter.kind == AdapterKind::Software {
        options = options.tasks_max(SOFTWARE_LAUNCHES);
    }
    let opening = options.init_with_setup_async();
    let (device, setup) = at_once(opening)
        .ok_or_else(|| DeviceError::Late { adapter: adapter.to_string() })?
        .map_err(|source| DeviceError::Refused { adapter: adapter.to_string(), source: Box::new(source) })?;
    let got = setup.adapter.get_info().name;
    if got != adapter.reported_name {
        return Err(DeviceError::Mistaken { adapter: adapter.to_string(), got });
    }
    let is_gpu = adapter.kind != AdapterKind::Software;
    let notice = (!is_gpu).then(|| {
        format!(
            "{} computes on the processor, slowly: --device cpu is ten to thirty times faster.",
            adapter.name
        )
    });
    let (name, backend) = (adapter.name.clone(), adapter.backend.clone());
    let info = DeviceInfo { name, backend, is_gpu, has_f16: has_f16(&setup), notice };
    Ok(Opened { device, info, setup: Some(setup) })
}

/// Whether kernels can store 16-bit floats there.
pub(in crate::gpu) fn has_f16(setup: &WgpuSetup) -> bool {
    setup.device.features().contains(wgpu::Features::SHADER_F16)
}

#[cfg(test)]
mod tests {
    use super::super::adapter::{mark_default, tests::adapter};
    use super::*;

    fn machine(adapters: &[(&str, AdapterKind)]) -> Vec<Adapter> {
        let mut adapters: Vec<_> = adapters.iter().map(|(name, kind)| adapter(name, *kind)).collect();
        mark_default(&mut adapters);
        adapters
    }

    fn chosen(text: &str, machine: &[Adapter]) -> Result<Option<String>, String> {
        let choice: Choice = text.parse()?;
        match choose(&choice, machine) {
            Ok(adapter) => Ok(adapter.map(|adapter| adapter.name.clone())),
            Err(error) => Err(error.to_string()),
        }
    }

    const LAPTOP: [(&str, AdapterKind); 4] = [
        ("llvmpipe (LLVM)", AdapterKind::Software),
        ("Arc Graphics", AdapterKind::Integrated),
        ("RTX 4080", AdapterKind::Discrete),
        ("RTX 4080 Ti", AdapterKind::Discrete),
    ];

    #[test]
    fn auto_prefers_the_first_discrete_gpu() {
        assert_eq!(chosen("auto", &machine(&LAPTOP)), Ok(Some("RTX 4080".into())));
        assert_eq!(chosen("gpu", &machine(&LAPTOP[..2])), Ok(Some("Arc Graphics".into())));
    }

    #[test]
    fn software_is_taken_only_by_name() {
        let bare = machine(&LAPTOP[..1]);
        assert_eq!(chosen("auto", &bare), Ok(None));
        assert_eq!(chosen("LLVMpipe", &bare), Ok(Some("llvmpipe (LLVM)".into())));
        let error = chosen("gpu", &bare).unwrap_err();
        assert!(error.contains("llvmpipe (LLVM) (Vulkan, software)"), "{error}");
        assert!(chosen("gpu", &[]).unwrap_err().contains("adapters: none"));
    }

    #[test]
    fn names_must_say_which() {
        let laptop = machine(&LAPTOP);
        assert_eq!(chosen("arc", &laptop), Ok(Some("Arc Graphics".into())));
        assert_eq!(chosen("rtx 4080", &laptop), Ok(Some("RTX 4080".into())), "the whole name wins");
        assert!(chosen("rtx", &laptop).unwrap_err().contains("RTX 4080 (Vulkan, discrete), RTX 4080 Ti"));
        assert!(chosen("radeon", &laptop).unwrap_err().contains("Arc Graphics"));
        assert!(chosen(" ", &laptop).is_err());
    }

    #[test]
    fn one_gpu_behind_two_interfaces_is_one_gpu() {
        let mut twice = machine(&[("Arc A770", AdapterKind::Discrete), ("Arc A770", AdapterKind::Discrete)]);
        twice[1].backend = "Dx12".into();
        let found = named("arc", &twice).unwrap();
        assert_eq!(found.backend, "Vulkan");
    }

    #[test]
    fn the_cpu_opens_without_notice_when_asked_for() {
        let opened = open(&Choice::Cpu).unwrap();
        assert_eq!((opened.info.name.as_str(), opened.info.backend.as_str()), ("CPU", "flex"));
        assert!(!opened.info.is_gpu && opened.info.notice.is_none() && opened.setup.is_none());
    }
}
