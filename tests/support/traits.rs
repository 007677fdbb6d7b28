//! Assertions that a type has a trait, or lacks it. They are checked when the test is compiled.

use std::error::Error;

pub fn assert_clone<T: Clone>() {}
pub fn assert_error<T: Error + Send + Sync + 'static>() {}

/// Does not compile if the type has the trait: the implementation would be ambiguous.
macro_rules! assert_lacks {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait AmbiguousIfItHas<A> {
                fn check() {}
            }
            impl<T: ?Sized> AmbiguousIfItHas<()> for T {}
            #[allow(dead_code)]
            struct Has;
            impl<T: ?Sized + $trait> AmbiguousIfItHas<Has> for T {}
            let _ = <$type as AmbiguousIfItHas<_>>::check;
        };
    };
}

macro_rules! assert_stays_on_its_thread {
    ($($type:ty),*) => {
        $(assert_lacks!($type: Send); assert_lacks!($type: Sync);)*
    };
}
