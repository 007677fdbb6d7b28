//! Methods that never wait: each calls the method of the same name on std's socket.

/// Defines such methods for a socket. Each has a doc comment and the signature of std's method.
macro_rules! std_methods {
    ($name:ident: $($(#[$doc:meta])* fn $method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl $name {$(
            $(#[$doc])*
            pub fn $method(&self, $($argument: $type),*) -> std::io::Result<$result> {
                self.0.std().$method($($argument),*)
            }
        )*}
    };
}

pub(super) use std_methods;
