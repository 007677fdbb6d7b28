//! The methods that both ends of a channel have in common.

/// Implements the methods of an end, given its counter in [`Shared`](super::shared::Shared) and the method that
/// the drop of its last clone calls.
macro_rules! end_methods {
    ($End:ident, $n_ends:ident, $no_more:ident) => {
        impl<T> $End<T> {
            pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
                shared.$n_ends.fetch_add(1, Ordering::Relaxed);
                Self(Arc::clone(shared))
            }

            crate::sync::size_methods::size_methods!("channel");
        }

        impl<T> Clone for $End<T> {
            fn clone(&self) -> Self {
                Self::new(&self.0)
            }
        }

        impl<T> Drop for $End<T> {
            fn drop(&mut self) {
                if self.0.$n_ends.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.0.$no_more();
                }
            }
        }

        crate::util::fmt::impl_debug!([T] $End<T>, |end| { len: end.len(), capacity: end.capacity() });
    };
}

pub(super) use end_methods;
