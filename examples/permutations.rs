//! All permutations of a word, from a recursion that suspends at its deepest point. The iterator computes a permutation only when
//! it is requested.
//!
//! `cargo run --example permutations`

use std::collections::HashSet;

use selvedge::{Generator, Yielder};

fn permutations<T: Clone + 'static>(items: Vec<T>) -> Generator<Vec<T>> {
    Generator::new(move |yielder| {
        let mut items = items;
        permute(&mut items, 0, yielder);
    })
}

/// Suspends with each order of the items from index `fixed` on, and restores the items' order at the end.
fn permute<T: Clone>(items: &mut [T], fixed: usize, yielder: &Yielder<(), Vec<T>>) {
    if fixed == items.len() {
        yielder.suspend(items.to_vec());
        return;
    }
    for chosen in fixed..items.len() {
        items.swap(fixed, chosen);
        permute(items, fixed + 1, yielder);
        items.swap(fixed, chosen);
    }
}

fn main() {
    let of_a_word: Vec<String> = permutations("weft".chars().collect())
        .map(|letters| letters.into_iter().collect())
        .collect();
    println!("{}", of_a_word.join(" "));
    let distinct: HashSet<&String> = of_a_word.iter().collect();
    assert_eq!((of_a_word.len(), distinct.len()), (24, 24));

    // All 20! orders would take centuries; only three are computed.
    let first_three: Vec<Vec<u32>> = permutations((1..=20).collect()).take(3).collect();
    for order in &first_three {
        println!("{order:?}");
    }
    assert!(first_three[0].is_sorted());
    assert_eq!(first_three[2][17..], [19, 18, 20]);

    assert_eq!(permutations::<u8>(Vec::new()).count(), 1);
}
