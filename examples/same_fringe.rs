//! Compares the leaves of two trees of different shapes, in order. This classic problem is awkward without coroutines, because
//! two recursions must advance together.
//!
//! `cargo run --example same_fringe`

use selvedge::{Yielder, coroutine};

enum Tree {
    Leaf(char),
    Fork(Box<Tree>, Box<Tree>),
}

fn leaf(label: char) -> Tree {
    Tree::Leaf(label)
}

fn fork(left: Tree, right: Tree) -> Tree {
    Tree::Fork(Box::new(left), Box::new(right))
}

/// A plain recursion, which suspends at any depth.
fn walk(tree: &Tree, yielder: &Yielder<(), char>) {
    match tree {
        Tree::Leaf(label) => yielder.suspend(*label),
        Tree::Fork(left, right) => {
            walk(left, yielder);
            walk(right, yielder);
        }
    }
}

/// Stops at the first difference; leaving the scope then unwinds both walks.
fn same_fringe(one: &Tree, other: &Tree) -> bool {
    // Generators that borrow live in a scope.
    coroutine::scope(|scope| {
        let one = scope.generator(|yielder| walk(one, yielder));
        let other = scope.generator(|yielder| walk(other, yielder));
        one.eq(other)
    })
}

fn main() {
    let leaning_left = fork(fork(fork(leaf('w'), leaf('e')), leaf('f')), leaf('t'));
    let leaning_right = fork(leaf('w'), fork(leaf('e'), fork(leaf('f'), leaf('t'))));
    let another = fork(fork(leaf('w'), leaf('a')), fork(leaf('r'), leaf('p')));
    let shorter = fork(fork(leaf('w'), leaf('e')), leaf('f'));

    for (name, tree, expected) in [
        ("the mirrored tree", &leaning_right, true),
        ("another word", &another, false),
        ("a shorter tree", &shorter, false),
    ] {
        let is_same = same_fringe(&leaning_left, tree);
        println!("same fringe as {name}: {is_same}");
        assert_eq!(is_same, expected);
    }
}
