//! What is left of each GPU of an instance, for strategies that look at devices.

use super::instance::{Instance, MAX_GPUS};

/// What is left of each GPU of an instance. All its GPUs are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpusLeft {
    left: [u32; MAX_GPUS as usize],
    count: usize,
    whole: u32,
}

/// Thousandths of a GPU.
pub const MILLI: u64 = 1000;

impl GpusLeft {
    /// What is left of each device, by its number, in MiB of its memory; where nobody gave the
    /// memory, 1 for a device that is free.
    pub fn devices(&self) -> &[u32] {
        &self.left[..self.count]
    }

    /// What an idle device has, in the same unit.
    pub fn whole(&self) -> u32 {
        self.whole
    }

    /// The same with so much less of one device.
    ///
    /// # Panics
    /// When the instance has no such device, or so much is not left of it.
    pub fn without(mut self, device: u8, amount: u32) -> GpusLeft {
        let left = self.left[usize::from(device)].checked_sub(amount);
        self.left[usize::from(device)] = left.expect("so much is left of the device");
        self
    }

    /// The same without so many whole devices, the free ones with the lowest numbers.
    pub fn without_whole(mut self, count: u32) -> GpusLeft {
        let whole = self.whole;
        let free = self.left[..self.count].iter_mut();
        for left in free.filter(|left| **left == whole).take(count as usize) {
            *left = 0;
        }
        self
    }

    /// An amount of a device in thousandths of it, rounded down.
    pub fn milli(&self, amount: u64) -> u64 {
        amount * MILLI / u64::from(self.whole)
    }

    /// The device with least left of those with room for a share, of equals the lowest number.
    pub fn fullest(&self, share: u32) -> Option<u8> {
        let devices = (0u8..).zip(self.devices());
        let room = devices.filter(|(_, left)| **left >= share);
        room.min_by_key(|(_, left)| **left)
            .map(|(device, _)| device)
    }
}

impl Instance {
    /// What is left of each of its GPUs.
    pub fn gpus_left(&self) -> GpusLeft {
        let whole = self.gpu_memory.max(1);
        let count = self.capacity.gpus as usize;
        let mut left = [0; MAX_GPUS as usize];
        for (device, left) in left[..count].iter_mut().enumerate() {
            *left = if self.free_gpus >> device & 1 == 1 {
                whole
            } else {
                0
            };
        }
        for shared in &self.shared_gpus {
            left[usize::from(shared.device)] = shared.free_memory;
        }
        GpusLeft { left, count, whole }
    }

    /// What is left of all its GPUs together, in thousandths of a GPU, rounded down.
    pub fn free_gpu_milli(&self) -> u64 {
        let shared = self
            .shared_gpus
            .iter()
            .map(|gpu| u64::from(gpu.free_memory));
        let whole = u64::from(self.gpu_memory.max(1));
        u64::from(self.free.gpus) * MILLI + shared.sum::<u64>() * MILLI / whole
    }
}
