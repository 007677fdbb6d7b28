//! Short implementations of std's formatting traits.

/// Implements `Debug` by named values: `impl_debug!([T] Pair<T>, |pair| { first: pair.0.get() })` shows
/// `Pair { first: 1, .. }`. The parameters of a generic type stand in front.
macro_rules! impl_debug {
    ($([$($generics:tt)*])? $Type:ident $(<$($parameter:tt),*>)?, |$this:pat_param| { $($name:ident: $value:expr),* }) => {
        impl $(<$($generics)*>)? std::fmt::Debug for $Type $(<$($parameter),*>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($Type))
                    $(.field(stringify!($name), &$value))*
                    .finish_non_exhaustive()
            }
        }
    };
}

/// Implements `Debug` or `Display` by an expression: `impl_fmt!([T] Debug for Pair<T>, |pair, f| pair.0.fmt(f))`.
macro_rules! impl_fmt {
    ($([$($generics:tt)*])? $Trait:ident for $Type:ty, |$this:pat_param, $f:ident| $result:expr) => {
        impl $(<$($generics)*>)? std::fmt::$Trait for $Type {
            fn fmt(&self, $f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                $result
            }
        }
    };
}

/// Implements `Error` and `Display` for an error without a source. Its text is a literal, or written by an expression.
macro_rules! impl_error {
    (for $Type:ty, $text:literal) => {
        impl std::error::Error for $Type {}
        crate::util::fmt::impl_fmt!(Display for $Type, |_, f| f.write_str($text));
    };
    ($([$($generics:tt)*])? for $Type:ty, |$this:pat_param, $f:ident| $result:expr) => {
        impl $(<$($generics)*>)? std::error::Error for $Type {}
        crate::util::fmt::impl_fmt!($([$($generics)*])? Display for $Type, |$this, $f| $result);
    };
}

pub(crate) use {impl_debug, impl_error, impl_fmt};
