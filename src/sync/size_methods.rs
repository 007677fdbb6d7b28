//! The methods about the size of a queue or channel.

/// Implements them inside of an `impl` block, given what the type holds: `self.0` knows its length and capacity.
macro_rules! size_methods {
    ($holder:literal $(, $about_len:literal)?) => {
        #[doc = concat!("Number of items in the ", $holder, ".", $(" ", $about_len)?)]
        #[must_use]
        pub fn len(&self) -> usize {
            self.0.len()
        }

        #[doc = concat!("Whether the ", $holder, " holds no item.")]
        #[must_use]
        pub fn is_empty(&self) -> bool {
            self.0.len() == 0
        }

        #[doc = concat!("Whether the ", $holder, " holds as many items as it can.")]
        #[must_use]
        pub fn is_full(&self) -> bool {
            self.capacity()
                .is_some_and(|capacity| self.len() >= capacity)
        }

        #[doc = concat!("The most items that the ", $holder, " holds; `None` without a limit.")]
        #[must_use]
        #[doc(alias = "maxsize")]
        pub fn capacity(&self) -> Option<usize> {
            self.0.capacity()
        }
    };
}

pub(super) use size_methods;
