//! Walks deep trees in order, in two ways. *Nested*: a generator for each subtree. Any depth works, because each level has a
//! stack of its own, but an item passes through all levels above it. *Recursive*: one generator, whose stack holds the whole
//! recursion. An item costs one round trip, but the stack must be large enough. (`cargo run --example in_order`)

use std::rc::Rc;
use std::time::Instant;

use selvedge::{Coroutine, Generator, Yielder};

type Tree = Option<Rc<Node>>;

struct Node {
    left: Tree,
    value: u32,
    right: Tree,
}

fn nested(tree: Tree) -> Generator<u32> {
    Generator::new(move |yielder| {
        let Some(node) = tree else { return };
        yielder.yield_from(nested(node.left.clone()));
        yielder.suspend(node.value);
        yielder.yield_from(nested(node.right.clone()));
    })
}

fn recursive(tree: Tree) -> Generator<u32> {
    let builder = Coroutine::builder().stack_size_bytes(16 << 20);
    let walk = builder.build(move |yielder, ()| descend(&tree, yielder));
    walk.expect("16 MiB of address space").into_iter()
}

fn descend(tree: &Tree, yielder: &Yielder<(), u32>) {
    let Some(node) = tree else { return };
    descend(&node.left, yielder);
    yielder.suspend(node.value);
    descend(&node.right, yielder);
}

/// A tree that is one long branch, with its values in order.
fn branch(depth: u32) -> Tree {
    (1..=depth).fold(None, |left, value| {
        let right = None;
        Some(Rc::new(Node { left, value, right }))
    })
}

fn main() {
    // Dropped at the end of `main`: dropping recurses as well, and the thread's own stack has room for that.
    let (deep, deeper) = (branch(1_000), branch(10_000));
    let start = Instant::now();
    assert!(nested(deep.clone()).eq(1..=1_000));
    println!("nested:     1,000 levels in {:?}", start.elapsed());
    let start = Instant::now();
    assert!(recursive(deeper.clone()).eq(1..=10_000));
    println!("recursive: 10,000 levels in {:?}", start.elapsed());
}
