//! [`predicates`]: the methods of an error that say of which kind it is.

/// Defines methods that compare an error with patterns: `|error| error.kind;` says what is compared.
macro_rules! predicates {
    (|$error:ident| $kind:expr; $($(#[$doc:meta])* fn $name:ident => $pattern:pat,)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> bool {
            let $error = self;
            matches!($kind, $pattern)
        }
    )*};
}

pub(crate) use predicates;
