//! [`CookiePolicy`]: whether a session keeps cookies.

use std::sync::{Arc, OnceLock, Weak};

use ureq::Agent;

/// Whether a session keeps cookies.
///
/// ureq always keeps cookies. A session that keeps none clears its jar before each request, and after each
/// response that another request follows, a redirect: between storing a response's cookies and sending the
/// next request, ureq either asks the connection whether it is open or drops it, and does nothing else with
/// the jar. `tests/http/cookies.rs` checks that.
#[derive(Clone, Debug)]
pub(super) enum CookiePolicy {
    Keep,
    /// With the agent whose jar is cleared, once the agent exists.
    Discard(Arc<OnceLock<Weak<Agent>>>),
}

impl CookiePolicy {
    pub(super) fn new(keeps_cookies: bool) -> Self {
        if keeps_cookies {
            Self::Keep
        } else {
            Self::Discard(Arc::default())
        }
    }

    pub(super) fn set_agent(&self, of: &Arc<Agent>) {
        if let Self::Discard(agent) = self {
            let _ = agent.set(Arc::downgrade(of));
        }
    }

    /// Clears the jar if the session keeps no cookies.
    pub(super) fn apply(&self) {
        if let Self::Discard(agent) = self
            && let Some(agent) = agent.get().and_then(Weak::upgrade)
        {
            agent.cookie_jar_lock().clear();
        }
    }
}
