//! What the rules permit by name: the one file of the checker to edit when the tree grows.

/// The floor of each module (DESIGN.md, section 5). A module takes the entry of the longest path
/// that it begins with, so a part of a module may stand on a floor of its own: `("runtime::task",
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
    ("runtime::callback", 4),
    ("runtime::cancel", 4),
    ("runtime::children", 4),
    ("runtime::clock", 4),
    ("runtime::context", 4),
    ("runtime::deferral", 4),
    ("runtime::group", 4),
    ("runtime::own_request", 4),
    ("runtime::packet", 4),
    ("runtime::park", 4),
    ("runtime::report", 4),
    ("runtime::run_queue", 4),
    ("runtime::task", 4),
    ("runtime::wait_list", 4),
    ("runtime::watched", 4),
    ("runtime::alarm", 5),
    ("runtime::blocking", 5),
    ("runtime::deadlock", 5),
    ("runtime::dispatch", 5),
    ("runtime::foreign", 5),
    ("runtime::handle", 5),
    ("runtime::injector", 5),
    ("runtime::join", 5),
    ("runtime::pool", 5),
    ("runtime::promise", 5),
    ("runtime::reactor", 5),
    ("runtime::refusal", 5),
    ("runtime::registration", 5),
    ("runtime::signals", 5),
    ("runtime::spawn", 5),
    ("runtime::task_ref", 5),
    ("runtime::task_stack", 4),
    ("runtime::timer", 5),
    ("fs", 7),
    // Standard input may be a file.
    ("io", 8),
    ("http", 8),
    ("net", 7),
    ("sync", 7),
    ("signal", 7),
    // The macro and the one behind it, which are at the root; what they expand to is on the floor of `task`.
    ("select", 6),
    ("select_arms", 6),
    ("task", 7),
    ("time", 7),
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
    "src/fs/handles.rs",
    "src/net/handles.rs",
    "src/runtime/alarm.rs",
    "src/runtime/builder.rs",
    "src/runtime/context.rs",
    "src/runtime/deferral.rs",
    "src/runtime/dispatch.rs",
    "src/runtime/entered.rs",
    "src/runtime/foreign.rs",
    "src/runtime/group.rs",
    "src/runtime/handle.rs",
    "src/runtime/make.rs",
    "src/runtime/packet.rs",
    "src/runtime/park.rs",
    "src/runtime/reactor.rs",
    "src/runtime/run_queue.rs",
    "src/runtime/spawn.rs",
    "src/runtime/task.rs",
    "src/runtime/task_ref.rs",
    "src/runtime/task_stack.rs",
    "src/runtime/timer.rs",
    "src/runtime/wait_list.rs",
    "src/task/scope.rs",
    "src/util/list.rs",
    "src/util/laps.rs",
    "src/util/recycle.rs",
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
