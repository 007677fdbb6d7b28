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

/// The functions of a host by which its coroutines park: they are hidden where they are innermost.
pub(crate) struct HostFrames {
    /// How the names of hidden functions begin.
    pub(crate) hidden_prefixes: &'static [&'static str],
    /// How the names end of functions that are shown although a prefix hides them: the program called
    /// these to wait.
    pub(crate) shown_suffixes: &'static [&'static str],
}

/// The frames of a backtrace without those of the library, its host and std around each coroutine's body.
pub(crate) fn of_the_program<'text>(text: &'text str, host: &HostFrames) -> Vec<Frame<'text>> {
    let frames = parse(text);
    let seam = frames.iter().position(|frame| frame.name.starts_with(SEAM));
    let rest = &frames[seam.map_or(0, |seam| seam + 1)..];
    let coroutines = rest.split(|frame| frame.name.starts_with(ROOT));
    let ours = coroutines
        .flat_map(|frames| trim(frames, host))
        .copied()
        .collect::<Vec<_>>();
    match ours.is_empty() {
        true => rest.to_vec(),
        false => ours,
    }
}

/// The frames of one coroutine, from the innermost to the outermost frame of interest.
fn trim<'a, 'text>(frames: &'a [Frame<'text>], host: &HostFrames) -> &'a [Frame<'text>] {
    let first = frames.iter().position(|frame| !is_inside(frame.name, host));
    let last = frames.iter().rposition(|frame| !is_outside(frame.name));
    match (first, last) {
        (Some(first), Some(last)) if first <= last => &frames[first..=last],
        _ => &[],
    }
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

/// Whether a function, if it is among the innermost, only parks, resumes or inspects coroutines.
fn is_inside(name: &str, host: &HostFrames) -> bool {
    const INSIDE: [&str; 6] = [
        "selvedge::coroutine::",
        "selvedge::arch::",
        "selvedge_on_stack_",
        "std::panic",
        "__rust_try",
        "core::ops::function::",
    ];
    let name = name.trim_start_matches('<');
    let begins = |prefix: &&str| name.starts_with(prefix);
    let is_hidden = INSIDE.iter().any(begins) || host.hidden_prefixes.iter().any(begins);
    let is_shown = host.shown_suffixes.iter().any(|end| name.ends_with(end));
    (is_hidden && !is_shown) || name.contains("Backtrace")
}

/// Whether a function, if it is among the outermost, only leads to a body.
fn is_outside(name: &str) -> bool {
    const OUTSIDE: [&str; 6] = [
        "selvedge::",
        "std::panic",
        "core::panic::",
        "core::ops::function::",
        "__rust_try",
        "<unknown>",
    ];
    let inner = name.trim_start_matches('<');
    OUTSIDE
        .iter()
        .any(|of| inner.starts_with(of) || name.starts_with(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostFrames = HostFrames {
        hidden_prefixes: &["selvedge::runtime::"],
        shown_suffixes: &["Task<T>::join"],
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

    #[test]
    fn unrecognized_lines_stay() {
        assert_eq!(names(""), [""; 0]);
        assert_eq!(names("no frames: none\nat all"), ["no frames: none"]);
        assert_eq!(names("0: selvedge::runtime::x"), ["selvedge::runtime::x"]);
        assert_eq!(names("   0: <unknown>\n"), ["<unknown>"]);
    }
}
