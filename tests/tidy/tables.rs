//! What the rules permit by name: the one file of the checker to edit when the tree grows.

/// The floor of each module (DESIGN.md, section 5). A module takes the entry of the longest path
/// that it begins with, so a part of a module may stand on a floor of its own: `("runtime::core::block",
/// 4)`.
pub const FLOORS: &[(&str, u32)] = &[
    ("sys", 0),
    ("util", 0),
    ("error", 0),
    ("stack", 1),
    ("arch", 2),
    ("coroutine", 3),
    ("compile_fail", 4),
    ("runtime", 6),
    ("runtime::core::callback", 4),
    ("runtime::cancel::request", 4),
    ("runtime::cancel::scope_state", 4),
    ("runtime::core::clock", 4),
    ("runtime::core::context", 4),
    ("runtime::core::cancel_mask", 4),
    ("runtime::core::group", 4),
    ("runtime::cancel::guard", 4),
    ("runtime::core::packet", 4),
    ("runtime::wait::park", 4),
    ("runtime::observe::report", 4),
    ("runtime::core::run_queue", 4),
    ("runtime::core::block", 4),
    ("runtime::core::wait_list", 4),
    ("runtime::task::any_handle", 4),
    ("runtime::time::alarm", 5),
    ("runtime::threads::blocking", 5),
    ("runtime::observe::deadlock", 5),
    ("runtime::task::dispatch", 5),
    ("runtime::threads::waker_registry", 5),
    ("runtime::task::handle", 5),
    ("runtime::threads::injector", 5),
    ("runtime::task::join", 5),
    ("runtime::threads::pool", 5),
    ("runtime::task::promise", 5),
    ("runtime::io::reactor", 5),
    ("runtime::task::late_callbacks", 5),
    ("runtime::io::registration", 5),
    ("runtime::scheduler::signals", 5),
    ("runtime::task::spawn", 5),
    ("runtime::task::task_ref", 5),
    ("runtime::core::task_stack", 4),
    ("runtime::time::timer", 5),
    ("fs", 7),
    // Standard input may be a file.
    ("io", 8),
    ("http", 8),
    ("net", 7),
    ("sync", 7),
    ("signal", 7),
    // The macro and the one behind it, which are at the root; what they expand to is on the floor of `task`.
    ("select", 6),
    ("__select_arms", 6),
    ("__private", 7),
    ("race", 7),
    ("task", 7),
    ("time", 7),
    ("event_loop", 7),
    ("docs", 9),
];

/// The files under `src` and `examples` that may say `unsafe`: a folder ends with a slash and
/// stands for all of its files. An entry that no longer permits anything is a finding too.
pub const UNSAFE_FILES: &[&str] = &[
    "src/sys/",
    "src/stack/",
    "src/arch/",
    "src/coroutine/backtrace.rs",
    "src/coroutine/entry.rs",
    "src/coroutine/header.rs",
    "src/coroutine/hosted.rs",
    "src/coroutine/on_stack.rs",
    "src/coroutine/open_frame.rs",
    "src/coroutine/raw.rs",
    "src/coroutine/ring.rs",
    "src/coroutine/typed.rs",
    "src/coroutine/undo.rs",
    "src/coroutine/unwind.rs",
    "src/coroutine/value.rs",
    "src/coroutine/yielder.rs",
    "src/runtime/time/alarm.rs",
    "src/runtime/api/builder.rs",
    "src/runtime/core/context.rs",
    "src/runtime/core/cancel_mask.rs",
    "src/runtime/task/dispatch.rs",
    "src/runtime/scheduler/current.rs",
    "src/runtime/threads/waker_registry.rs",
    "src/runtime/core/group.rs",
    "src/runtime/task/handle.rs",
    "src/runtime/task/make.rs",
    "src/runtime/core/packet.rs",
    "src/runtime/wait/park.rs",
    "src/runtime/io/reactor.rs",
    "src/runtime/core/run_queue.rs",
    "src/runtime/task/spawn.rs",
    "src/runtime/core/block.rs",
    "src/runtime/task/task_ref.rs",
    "src/runtime/core/task_stack.rs",
    "src/runtime/time/timer.rs",
    "src/runtime/core/wait_list.rs",
    "src/task/scope.rs",
    "src/util/descriptor.rs",
    "src/util/list.rs",
    "src/util/iteration_queue.rs",
    "src/util/free_list.rs",
];

/// The one folder whose files may name `libc`.
pub const LIBC_FOLDER: &str = "src/sys/";

/// The files that may include instructions. The requests to Valgrind switch nothing, and the
/// stacks, which stand below `arch`, send them; and they fetch ahead.
pub const ASM_FILES: &[&str] = &["src/arch/", "src/sys/prefetch.rs", "src/sys/valgrind.rs"];

/// The folders of `asm`, in groups. The folders of a group hold files of the same names. In a group
/// of architectures each file begins with the whole header; in the other, which only frames a
/// function for an object format, with any comment.
pub struct AssemblyGroup {
    pub folders: &'static [&'static str],
    pub needs_header: bool,
}

pub const ASSEMBLY: &[AssemblyGroup] = &[
    AssemblyGroup {
        folders: &["x86_64", "aarch64"],
        needs_header: true,
    },
    AssemblyGroup {
        folders: &["elf", "macho"],
        needs_header: false,
    },
];

/// The labels of an assembly header, in order.
pub const HEADER_LABELS: &[&str] = &[
    "Purpose:",
    "Entry:",
    "Exit:",
    "Frame:",
    "Not saved:",
    "Unwinding:",
    "Leaves by:",
];

/// The most lines that a Rust file below a folder may have. The first entry that fits counts.
pub const MAX_LINES: &[(&str, usize)] = &[
    ("examples/quickstart.rs", 400),
    ("examples/crawler.rs", 200),
    ("examples/downloads.rs", 150),
    ("examples/fetch_100", 400),
    ("examples/tcp_proxy.rs", 200),
    ("examples/", 60),
    ("src/", 400),
];

/// Whether the list names the path, or a folder above it.
pub fn lists(entries: &[&str], path: &str) -> bool {
    entries.iter().any(|entry| permits(entry, path))
}

/// Whether the entry of a list is the path, or a folder above it.
pub fn permits(entry: &str, path: &str) -> bool {
    path == entry || entry.ends_with('/') && path.starts_with(entry)
}
