//! The text of a backtrace, reduced to the program's own frames.
//!
//! std formats a backtrace as text only, in a form that it does not promise:
//!
//! ```text
//!    0: name of a function
//!              at file:line:column
//!       name of the function that it was inlined into
//! ```
//!
//! Lines that don't parse are kept, so that no frame of the program is lost if the form changes.

/// A frame of a backtrace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'text> {
    /// The function.
    pub(crate) name: &'text str,
    /// The position in the function, as `at file:line:column`.
    pub(crate) place: Option<&'text str>,
}

/// The function that parked code appears to have called: the first frame of its backtrace.
const SEAM: &str = "selvedge_as_callee_";
/// The outermost function of each coroutine.
const ROOT: &str = "selvedge_root_";

/// The end of the source path of the function that takes a backtrace. The part before it is the folder of the
/// library's sources.
const TAKEN_IN: &str = "coroutine/backtrace.rs";

/// The functions of a host by which its coroutines park: they are hidden where they are innermost.
pub(crate) struct HostFrames {
    /// How the names of hidden functions begin.
    pub(crate) hidden_prefixes: &'static [&'static str],
    /// The folders, within the library's sources, whose functions are hidden.
    pub(crate) hidden_folders: &'static [&'static str],
    /// The functions that are shown although they are in a hidden folder: the program called them to wait.
    pub(crate) shown: &'static [ShownFunction],
}

/// A function that is shown.
pub(crate) struct ShownFunction {
    /// The end of the function's name.
    pub(crate) suffix: &'static str,
    /// The function's name without a path, and its file: with `debug = "line-tables-only"` the name has no
    /// path.
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
}

/// The frames of a backtrace without those of the library, its host and std around each coroutine's body.
///
/// A frame is recognised by its name, and by its file where the name is incomplete.
pub(crate) fn of_the_program<'text>(text: &'text str, host: &HostFrames) -> Vec<Frame<'text>> {
    let frames = parse(text);
    let files = frames.iter().filter_map(Frame::file);
    let library = files.filter_map(|file| file.strip_suffix(TAKEN_IN)).next();
    let known = Known { host, library };
    let seam = frames.iter().position(|frame| frame.name.starts_with(SEAM));
    let rest = &frames[seam.map_or(0, |seam| seam + 1)..];
    let coroutines = rest.split(|frame| frame.name.starts_with(ROOT));
    let ours = coroutines
        .flat_map(|frames| known.trim(frames))
        .copied()
        .collect::<Vec<_>>();
    match ours.is_empty() {
        true => rest.to_vec(),
        false => ours,
    }
}

impl<'text> Frame<'text> {
    fn file(&self) -> Option<&'text str> {
        let place = self.place?.strip_prefix("at ")?;
        place.rsplitn(3, ':').nth(2)
    }

    /// The function's own name, without the path before it and the types behind it.
    fn bare_name(&self) -> &'text str {
        let name = self.name.split('<').next().unwrap_or_default();
        name.rsplit("::").next().unwrap_or_default()
    }

    /// Whether neither the name nor a file tells which crate has the function.
    fn is_nameless(&self) -> bool {
        // What is in front of a `::<impl` names a crate.
        let bare_name = self.bare_name();
        self.place.is_none() && !bare_name.is_empty() && self.name.starts_with(bare_name)
    }
}

/// How to recognise functions that are not the program's.
struct Known<'a> {
    host: &'a HostFrames,
    /// The folder of the library's sources, if the backtrace has places.
    library: Option<&'a str>,
}

impl Known<'_> {
    /// The frames of one coroutine, from the innermost to the outermost frame of interest.
    fn trim<'a, 'text>(&self, frames: &'a [Frame<'text>]) -> &'a [Frame<'text>] {
        // A function of unknown origin is treated like its caller.
        let is_inside = |(index, frame): (usize, &Frame<'_>)| match frame.is_nameless() {
            true => frames[index..]
                .iter()
                .find(|caller| !caller.is_nameless())
                .is_some_and(|caller| self.is_inside(caller)),
            false => self.is_inside(frame),
        };
        let first = frames
            .iter()
            .enumerate()
            .position(|entry| !is_inside(entry));
        let last = frames.iter().rposition(|frame| !self.is_outside(frame));
        match (first, last) {
            (Some(first), Some(last)) if first <= last => &frames[first..=last],
            _ => &[],
        }
    }

    /// The file of a library function, relative to the library's sources.
    fn own_file<'text>(&self, frame: &Frame<'text>) -> Option<&'text str> {
        frame.file()?.strip_prefix(self.library?)
    }

    /// Whether a function among the innermost frames only parks, resumes or inspects coroutines.
    fn is_inside(&self, frame: &Frame<'_>) -> bool {
        const INSIDE: [&str; 6] = [
            "selvedge::coroutine::",
            "selvedge::arch::",
            "selvedge_on_stack_",
            "std::panic",
            "__rust_try",
            "core::ops::function::",
        ];
        const FOLDERS: [&str; 3] = ["coroutine/", "arch/", "sys/"];
        let host = self.host;
        let name = frame.name.trim_start_matches('<');
        let file = self.own_file(frame);
        let in_folder = |folder: &&str| file.is_some_and(|file| file.starts_with(*folder));
        let is_hidden = INSIDE
            .iter()
            .chain(host.hidden_prefixes)
            .any(|prefix| name.starts_with(prefix))
            || FOLDERS.iter().chain(host.hidden_folders).any(in_folder)
            || calls_only(frame);
        let is_shown = host.shown.iter().any(|shown| {
            name.ends_with(shown.suffix)
                || file == Some(shown.file) && frame.bare_name() == shown.name
        });
        (is_hidden && !is_shown) || name.contains("Backtrace")
    }

    /// Whether a function among the outermost frames only leads to a body.
    fn is_outside(&self, frame: &Frame<'_>) -> bool {
        const OUTSIDE: [&str; 6] = [
            "selvedge::",
            "std::panic",
            "core::panic::",
            "core::ops::function::",
            "__rust_try",
            "<unknown>",
        ];
        let name = frame.name;
        let inner = name.trim_start_matches('<');
        OUTSIDE
            .iter()
            .any(|of| inner.starts_with(of) || name.starts_with(of))
            || self.own_file(frame).is_some()
            || calls_only(frame)
    }
}

/// Whether a function of std only calls another function.
fn calls_only(frame: &Frame<'_>) -> bool {
    const FILES: [&str; 5] = [
        "/library/std/src/panic.rs",
        "/library/std/src/panicking.rs",
        "/library/core/src/panic/unwind_safe.rs",
        "/library/core/src/ops/function.rs",
        "/library/alloc/src/boxed.rs",
    ];
    let file = frame.file();
    file.is_some_and(|file| FILES.iter().any(|of| file.ends_with(of)))
}

fn parse(text: &str) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("at ")
            && let Some(frame) = frames.last_mut()
        {
            frame.place = Some(line);
            continue;
        }
        let name = match line.split_once(": ") {
            Some((number, name)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => line,
        };
        frames.push(Frame { name, place: None });
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostFrames = HostFrames {
        hidden_prefixes: &["selvedge::runtime::"],
        hidden_folders: &["runtime/"],
        shown: &[ShownFunction {
            suffix: "Task<T>::join",
            name: "join",
            file: "runtime/task/handle.rs",
        }],
    };

    fn names(text: &str) -> Vec<&str> {
        of_the_program(text, &HOST)
            .iter()
            .map(|frame| frame.name)
            .collect()
    }

    const TEXT: &str = "   0: std::backtrace::Backtrace::create
   1: selvedge::coroutine::backtrace::capture
   2: selvedge_as_callee_0.1.0
   3: selvedge::runtime::park::park
             at ./src/runtime/wait/park.rs:41:9
      selvedge::runtime::wait::waiting::<impl selvedge::runtime::core::wait_list::WaitList>::wait
      selvedge::sleep
   4: app::inner
             at /app/src/main.rs:3:5
   5: core::ops::function::FnOnce::call_once
   6: app::outer
   7: std::panicking::catch_unwind
   8: <selvedge::coroutine::hosted::Hosted<B>>::build
   9: selvedge_root_0.1.0
  10: selvedge::coroutine::raw::Raw::enter
  11: <selvedge::coroutine::generator::Generator<T> as core::iter::traits::iterator::Iterator>::next
  12: app::resumer
  13: selvedge::coroutine::header::entry
  14: selvedge_root_0.1.0
";

    #[test]
    fn library_frames_are_removed_and_program_frames_stay() {
        let expected = [
            "selvedge::sleep",
            "app::inner",
            "core::ops::function::FnOnce::call_once",
            "app::outer",
            "app::resumer",
        ];
        assert_eq!(names(TEXT), expected);
        let inner = of_the_program(TEXT, &HOST)[1];
        assert_eq!(inner.place, Some("at /app/src/main.rs:3:5"));
    }

    /// A build with `debug = "line-tables-only"` in which all possible functions are inlined.
    const PLACES: &str = "   0: create
             at /rustc/5980/library/std/src/backtrace.rs:331:13
   1: capture
             at /registry/selvedge-0.1.0/src/coroutine/backtrace.rs:92:55
   2: selvedge_as_callee_0.1.0
   3: park<selvedge::runtime::core::block::TaskBlock>
             at /registry/selvedge-0.1.0/src/coroutine/hosted.rs:100:32
   4: with_waiters<selvedge::runtime::Closure>
   5: wait<Closure>
             at /registry/selvedge-0.1.0/src/runtime/task/any_handle.rs:128:18
   6: join<u32>
             at /registry/selvedge-0.1.0/src/runtime/task/handle.rs:54:9
   7: inner
             at ./src/main.rs:4:32
   8: call_once<fn(), ()>
             at /rustc/5980/library/core/src/ops/function.rs:250:5
   9: {closure#0}
             at ./src/coroutine/main.rs:12:47
  10: call_once<(), Closure>
             at /rustc/5980/library/core/src/panic/unwind_safe.rs:274:9
  11: run<(), (), Closure>
             at /registry/selvedge-0.1.0/src/runtime/task/end.rs:33:15
  12: selvedge_root_0.1.0
";

    #[test]
    fn frames_without_a_path_are_known_by_their_files() {
        let expected = ["join<u32>", "inner", "call_once<fn(), ()>", "{closure#0}"];
        assert_eq!(names(PLACES), expected);
        // The same for a library in the working directory.
        let nearby = PLACES.replace("/registry/selvedge-0.1.0", ".");
        let nearby = nearby.replace("at ./src/main.rs", "at /app/src/main.rs");
        let nearby = nearby.replace("at ./src/coroutine/main.rs", "at /app/src/lib.rs");
        assert_eq!(names(&nearby), expected);
    }

    #[test]
    fn unrecognized_lines_stay() {
        assert_eq!(names(""), [""; 0]);
        assert_eq!(names("no frames: none\nat all"), ["no frames: none"]);
        assert_eq!(names("0: selvedge::runtime::x"), ["selvedge::runtime::x"]);
        assert_eq!(names("   0: <unknown>\n"), ["<unknown>"]);
    }
}
