//! Prints the public items of a crate, one a line and sorted, from the JSON file that rustdoc has written:
//! `selvedge-public-api FILE`. The output is that of `cargo public-api -sss`: it omits blanket, auto trait and derived impls.

use std::env;
use std::error::Error;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args()
        .nth(1)
        .ok_or("usage: selvedge-public-api FILE")?;
    let public_api = Builder::from_rustdoc_json(file)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    print!("{public_api}");
    Ok(())
}
