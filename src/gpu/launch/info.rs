//! The small buffers that carry shapes and scalars to kernels: one with the same numbers is uploaded once.
//!
//! An upload costs more than the bytes it moves: it is ordered after all launches before it by handing those to the
//! device at once, so a buffer for each launch would make of every launch a submission of its own.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use burn_wgpu::CubeTensor;
use cubecl::Device;
use cubecl::server::Handle;

/// Buffers of a generation, above what a step of the deepest network launches; two generations are kept.
const MOST: usize = 1024;

/// A thread has its own, because it is a stream of its own to the device, and sharing between streams costs more.
type Key = (ThreadId, Device, Vec<u32>);

static UPLOADED: LazyLock<Mutex<Generations<Key, Handle>>> = LazyLock::new(Mutex::default);

fn uploaded() -> MutexGuard<'static, Generations<Key, Handle>> {
    UPLOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of these numbers, which kernels only read; so that no size needs a compilation of its own.
pub(in crate::gpu) fn info(beside: &CubeTensor, values: &[u32]) -> Handle {
    let key = (thread::current().id(), beside.device.clone(), values.to_vec());
    uploaded().get_or_insert_with(key, || info_once(beside, values))
}

/// The same for numbers that do not come again.
pub(in crate::gpu) fn info_once(beside: &CubeTensor, values: &[u32]) -> Handle {
    beside.client.create_from_slice(bytemuck::cast_slice(values))
}

/// Uploads all anew. To be called where a computation failed: the tensor stack then distrusts each buffer that the
/// failed launch was bound to, these among them.
pub fn forget_infos() {
    *uploaded() = Generations::default();
}

/// A map that forgets what was not asked for while [`MOST`] others were.
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Generations<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Eq + std::hash::Hash, V: Clone> Generations<K, V> {
    fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> V {
        if let Some(value) = self.young.get(&key) {
            return value.clone();
        }
        let value = self.old.remove(&key).unwrap_or_else(make);
        if self.young.len() == MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{Generations, MOST};

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_bounded() {
        let mut generations = Generations::default();
        let mut made = 0;
        for key in 0..10 * MOST {
            for asked in [0, key + 1] {
                generations.get_or_insert_with(asked, || made += 1);
            }
            assert!(generations.young.len() + generations.old.len() <= 2 * MOST);
        }
        assert_eq!(made, 10 * MOST + 1, "the one that is asked for always is made once");
        generations.get_or_insert_with(1, || made += 1);
        assert_eq!(made, 10 * MOST + 2, "one asked for long ago is made anew");
    }
}
