//! Certificates: whom to trust.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use ureq::tls::{RootCerts, TlsConfig};

use super::error::{Error, Kind};

/// A certificate that is trusted to have signed those of servers, or to be a server's own.
///
/// ```
/// use selvedge::http::Certificate;
///
/// let error = Certificate::from_pem(b"not a certificate").unwrap_err();
/// assert!(error.is_tls());
/// ```
#[derive(Clone)]
pub struct Certificate(ureq::tls::Certificate<'static>);

impl Certificate {
    /// The first certificate in a text in PEM.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let certificate = ureq::tls::Certificate::from_pem(pem);
        certificate
            .map(Self)
            .map_err(|error| Error::new(Kind::Tls).because(error))
    }

    /// A certificate in DER. What is none is found out by the first connection that needs it: it is not
    /// trusted.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(ureq::tls::Certificate::from_der(der).to_owned())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.0.der().len())
    }
}

/// Trust in these certificates, or in Mozilla's.
pub(super) fn config(roots: Option<&[Certificate]>) -> TlsConfig {
    let roots = roots.map_or(RootCerts::WebPki, |roots| {
        let roots: Vec<_> = roots
            .iter()
            .map(|certificate| certificate.0.clone())
            .collect();
        RootCerts::Specific(Arc::new(roots))
    });
    TlsConfig::builder().root_certs(roots).build()
}

/// Whether encryption is what failed: what transfers wrap is the library's own error.
pub(super) fn is_tls(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .map(|inner| inner as &(dyn StdError + 'static));
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
}
