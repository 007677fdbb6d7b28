//! What the rules permit by name: the one file of the checker to edit when the tree grows.

/// The rooms, each with its floor. A room is a module with all that is below it, unless a part has an entry of its own.
/// A file names rooms of lower floors only; two rooms of one floor know nothing of each other.
pub const FLOORS: &[(&str, u32)] = &[
    ("docs", 19),
    ("compile_fail", 19),
    ("http", 18),
    // Standard input may be a file.
    ("io", 18),
    ("event_loop", 17),
    ("fs", 17),
    ("net", 17),
    ("signal", 17),
    ("sync", 17),
    ("task", 17),
    ("time", 16),
    // The macros are at the root. They expand to names of `task`, which their definitions don't import.
    ("__private", 15),
    ("race", 15),
    ("__select_arms", 15),
    ("select", 15),
    ("runtime", 15),
    ("runtime::api", 14),
    ("runtime::scheduler", 13),
    ("runtime::io", 12),
    ("runtime::threads", 11),
    ("runtime::task", 10),
    ("runtime::first", 9),
    ("runtime::time", 8),
    ("runtime::cancel", 7),
    ("runtime::observe", 6),
    ("runtime::wait", 5),
    ("runtime::core", 4),
    ("coroutine", 3),
    ("arch", 2),
    ("error", 1),
    ("stack", 1),
    ("sys", 0),
    ("util", 0),
];

/// The files that import each other in a circle, in the order of their paths, each circle with its reason.
pub const CIRCLES: &[(&[&str], &str)] = &[
    (
        &[
            "src/runtime/core/block.rs",
            "src/runtime/core/cancel_frame.rs",
            "src/runtime/core/context.rs",
            "src/runtime/core/group.rs",
            "src/runtime/core/packet.rs",
            "src/runtime/core/run_queue.rs",
            "src/runtime/core/task_link.rs",
            "src/runtime/core/wait_list.rs",
            "src/runtime/core/wake.rs",
        ],
        "A task's block is in the run queue of its core and in lists of waiters, and names its core, its packet and its \
         cancel frames; each of these names the task.",
    ),
    (
        &["src/runtime/time/alarm.rs", "src/runtime/time/timer.rs"],
        "A timer names the alarm in the sleeping frame; the alarm takes the timer back when its frame goes.",
    ),
    (
        &["src/stack/record.rs", "src/stack/slab.rs"],
        "A stack's record names its slab; the slab initialises and counts its records.",
    ),
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
    "src/runtime/api/builder.rs",
    "src/runtime/core/block.rs",
    "src/runtime/core/cancel_frame.rs",
    "src/runtime/core/context.rs",
    "src/runtime/core/group.rs",
    "src/runtime/core/packet.rs",
    "src/runtime/core/run_queue.rs",
    "src/runtime/core/run_queue/prefetch.rs",
    "src/runtime/core/task_link.rs",
    "src/runtime/core/wait_list.rs",
    "src/runtime/core/wake.rs",
    "src/runtime/first/arm.rs",
    "src/runtime/first/slice.rs",
    "src/runtime/io/files.rs",
    "src/runtime/io/reactor.rs",
    "src/runtime/observe/inspect.rs",
    "src/runtime/scheduler/idle_stacks.rs",
    "src/runtime/task/dispatch.rs",
    "src/runtime/task/end.rs",
    "src/runtime/task/handle.rs",
    "src/runtime/task/spawn.rs",
    "src/runtime/task/task_ref.rs",
    "src/runtime/threads/waker_registry.rs",
    "src/runtime/time/alarm.rs",
    "src/runtime/time/timer.rs",
    "src/runtime/wait/park.rs",
    "src/runtime/wait/switch.rs",
    "src/runtime/wait/waiting.rs",
    "src/task/scope.rs",
    "src/task/select_arms.rs",
    "src/util/descriptor.rs",
    "src/util/free_list.rs",
    "src/util/iteration_queue.rs",
    "src/util/list.rs",
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
