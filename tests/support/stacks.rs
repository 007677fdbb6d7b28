//! The number of stacks that a test may have at once, and code that runs on a fresh or a deep stack.

use std::{fs, panic, thread};

use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
use selvedge::{Coroutine, CoroutineState, Yielder};

pub use crate::hang_guard::is_emulated;

/// `full` in an ordinary run, `slow` under an emulator.
pub fn scaled(full: usize, slow: usize) -> usize {
    if is_emulated() { slow } else { full }
}

/// `full` stacks at once, or fewer under an emulator, and where each guard is a mapping: a process may have about
/// 65,000 mappings for all of its tests.
pub fn many_stacks(full: usize) -> usize {
    if guards_are_mappings() {
        full.min(5_000)
    } else {
        scaled(full, 2_000)
    }
}

/// Whether a stack is a mapping of its own, between two guards, and not a part of its slab's. Only the mappings around
/// one stack are checked: other tests map and unmap meanwhile.
fn guards_are_mappings() -> bool {
    const LARGER_THAN_A_STACK: usize = 2 * DEFAULT_STACK_SIZE_BYTES;
    let mut probe = Coroutine::new(|yielder: &Yielder<(), usize>, ()| {
        let local = 0_u8;
        yielder.suspend(&raw const local as usize);
    });
    let CoroutineState::Yielded(on_its_stack) = probe.resume() else {
        panic!("the probe is suspended");
    };
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let len_around = maps.lines().find_map(|line| {
        let (start, rest) = line.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(rest.split_once(' ')?.0, 16).ok()?;
        (start..end).contains(&on_its_stack).then_some(end - start)
    });
    len_around.expect("the probe's stack is mapped") < LARGER_THAN_A_STACK
}

/// Runs `f` on a thread of its own, whose pool of stacks starts empty, and resumes its panic.
pub fn on_fresh_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|s| s.spawn(f).join()).unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Recurses until at least `depth_bytes` of stack are in use below the caller, with every frame touched, and runs `f`
/// at the bottom.
pub fn at_depth<R>(depth_bytes: usize, f: &mut dyn FnMut() -> R) -> R {
    #[inline(never)]
    fn descend<R>(top: usize, depth_bytes: usize, f: &mut dyn FnMut() -> R) -> R {
        let mut frame = [0u8; 512];
        let here = std::hint::black_box(&mut frame).as_ptr() as usize;
        let result = if top.saturating_sub(here) >= depth_bytes {
            f()
        } else {
            descend(top, depth_bytes, f)
        };
        std::hint::black_box(&mut frame);
        result
    }
    let top = 0u8;
    descend(
        std::ptr::from_ref(std::hint::black_box(&top)) as usize,
        depth_bytes,
        f,
    )
}
