//! Trait implementations that every type with a descriptor repeats, each defined once.

/// Implements `Read` for a type by its `Read` for a shared reference.
macro_rules! read_by_reference {
    ($type:ty $(, $($generics:tt)*)?) => {
        /// Same as for a shared reference.
        impl $(<$($generics)*>)? std::io::Read for $type {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                (&*self).read_vectored(bufs)
            }

            fn read_to_end(&mut self, buf: &mut Vec<u8>) -> std::io::Result<usize> {
                (&*self).read_to_end(buf)
            }

            fn read_to_string(&mut self, buf: &mut String) -> std::io::Result<usize> {
                (&*self).read_to_string(buf)
            }
        }
    };
}

/// Implements `Write` for a type by its `Write` for a shared reference.
macro_rules! write_by_reference {
    ($type:ty $(, $($generics:tt)*)?) => {
        /// Same as for a shared reference.
        impl $(<$($generics)*>)? std::io::Write for $type {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                (&*self).flush()
            }
        }
    };
}

/// Implements the conversions from a descriptor, and to a borrowed one, for a tuple struct that has a
/// constructor `from_std` and a first field that is `AsFd`.
macro_rules! descriptor_conversions {
    ($type:ident, $std:ty) => {
        impl From<$std> for $type {
            fn from(std: $std) -> Self {
                Self::from_std(std)
            }
        }

        impl From<std::os::fd::OwnedFd> for $type {
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                Self::from_std(fd.into())
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsFd::as_fd(self).as_raw_fd()
            }
        }

        #[allow(unsafe_code)]
        impl std::os::fd::FromRawFd for $type {
            /// # Safety
            /// The descriptor is open, and the caller owns it and passes the ownership on.
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: the caller guarantees what `OwnedFd::from_raw_fd` demands: an open descriptor
                // that has no other owner.
                Self::from(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
            }
        }
    };
}

pub(crate) use {descriptor_conversions, read_by_reference, write_by_reference};
