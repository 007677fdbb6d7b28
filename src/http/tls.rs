//! [`Certificate`], and the configuration of TLS.

use std::sync::Arc;

use ureq::tls::{RootCerts, TlsConfig};

use super::error::{Error, Kind};
use crate::util::fmt::impl_fmt;

/// A certificate to trust: an authority's, which signs certificates of servers, or a server's own.
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
    /// Parses the first certificate of a PEM text.
    ///
    /// # Errors
    /// If the text contains none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let certificate = ureq::tls::Certificate::from_pem(pem);
        certificate
            .map(Self)
            .map_err(|error| Error::new(Kind::Tls).with_source(error))
    }

    /// Creates a certificate from DER, which is not checked: if it is invalid, connections that need it fail.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Self {
        Self(ureq::tls::Certificate::from_der(der).to_owned())
    }
}

impl_fmt!(Debug for Certificate, |this, f| write!(f, "Certificate({} bytes)", this.0.der().len()));

/// A configuration that trusts these certificates, or Mozilla's.
pub(super) fn config(roots: Option<&[Certificate]>) -> TlsConfig {
    let roots = roots.map_or(RootCerts::WebPki, |roots| {
        let roots: Vec<_> = roots.iter().map(|root| root.0.clone()).collect();
        RootCerts::Specific(Arc::new(roots))
    });
    TlsConfig::builder().root_certs(roots).build()
}
