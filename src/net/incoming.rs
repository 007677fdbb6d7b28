//! Accepts connections one after the other: `Incoming` of both listeners.

use std::io;
use std::time::Duration;

use crate::error::Cancelled;
use crate::runtime::io::pause;
use crate::sys::socket::is_of_one_connection;

/// The first pause of a listener that can't accept. Each further pause is twice as long.
const SHORTEST_REST: Duration = Duration::from_millis(5);

const LONGEST_REST: Duration = Duration::from_secs(1);

/// The state of an iterator over connections.
///
/// The iterator pauses after an error that is not the error of one connection: descriptors or memory are used up, or the
/// listener is shut down. `accept` returns such an error again at once, so without the pause a loop that ignores errors
/// would call `accept` again and again.
/// The iterator ends after the error of a cancel or of a deadline, because each further `accept` would return that
/// error, too.
#[derive(Debug, Default)]
pub(super) struct Accepting {
    /// The pause before the next connection.
    rest: Duration,
    has_ended: bool,
}

impl Accepting {
    /// May suspend. Pauses if necessary, and accepts a connection.
    pub(super) fn next<T>(
        &mut self,
        accept: impl FnOnce() -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        if self.has_ended {
            return None;
        }
        let rested = match self.rest {
            Duration::ZERO => Ok(()),
            rest => pause(rest, "a free descriptor"),
        };
        let result = rested.and_then(|()| accept());
        let error = result.as_ref().err();
        self.has_ended = error.is_some_and(is_last);
        self.rest = match error {
            Some(error) if !is_of_one_connection(error) => {
                (2 * self.rest).clamp(SHORTEST_REST, LONGEST_REST)
            }
            _ => Duration::ZERO,
        };
        Some(result)
    }
}

/// Whether a request to the task caused the error. A listener itself has no timeout.
fn is_last(error: &io::Error) -> bool {
    let is_own = error.raw_os_error().is_none();
    let inner = error.get_ref();
    is_own && error.kind() == io::ErrorKind::TimedOut
        || inner.is_some_and(|inner| inner.is::<Cancelled>())
}

/// Defines the iterator over the connections of a listener.
macro_rules! incoming {
    ($listener:ident, $stream:ident, $(#[$doc:meta])*) => {
        impl $listener {
            /// Returns an iterator that calls [`accept`](Self::accept) for each item. Each `next` may
            /// suspend.
            ///
            /// After an error that may be returned again at once (descriptors or memory are used up: `EMFILE`,
            /// `ENFILE`, `ENOBUFS`, `ENOMEM`; the listener was shut down: `EINVAL`), the next call of `next` pauses
            /// before it accepts: for 5 ms, twice as long after each further such error, and at most for a second.
            /// So a loop that logs errors, or ignores them by `flatten`, lets other tasks run, and these can free
            /// descriptors. There is no pause after the error of one connection (`ECONNABORTED`, `ECONNRESET`,
            /// `ECONNREFUSED`).
            ///
            /// The iterator ends only after the error of a cancel, of a timeout or of a deadline.
            $(#[$doc])*
            pub fn incoming(&self) -> Incoming<'_> {
                Incoming {
                    listener: self,
                    accepting: Default::default(),
                }
            }
        }

        #[doc = concat!("An iterator over the connections of a [`", stringify!($listener), "`].")]
        #[derive(Debug)]
        pub struct Incoming<'a> {
            listener: &'a $listener,
            accepting: $crate::net::incoming::Accepting,
        }

        impl Iterator for Incoming<'_> {
            type Item = std::io::Result<$stream>;

            /// May suspend.
            fn next(&mut self) -> Option<Self::Item> {
                let accepted = self.accepting.next(|| self.listener.accept())?;
                Some(accepted.map(|(stream, _)| stream))
            }
        }

        impl std::iter::FusedIterator for Incoming<'_> {}
    };
}

pub(super) use incoming;
