//! When a file has been read, constants that stay get memory of their own: the file's can be freed.

use super::{Constant, Node, Operand, store::Store};
use std::{collections::HashMap, sync::Arc};

/// What was there, which keeps its place in memory from being another's, and what takes its place.
type Moved<T> = HashMap<*const T, (Arc<T>, Arc<T>)>;

/// Takes the constants of these nodes out of the file's memory. What is shared stays shared.
pub(super) fn settle(nodes: &mut [Node]) {
    let (mut constants, mut stores): (Moved<Constant>, Moved<Store>) = Default::default();
    for operand in nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten()) {
        let Operand::Constant(constant) = operand else { continue };
        let entry = constants.entry(Arc::as_ptr(constant));
        let (_, settled) = entry.or_insert_with(|| (constant.clone(), moved(constant, &mut stores)));
        *constant = settled.clone();
    }
}

fn moved(constant: &Arc<Constant>, stores: &mut Moved<Store>) -> Arc<Constant> {
    let store = constant.tensor.store();
    let entry = stores.entry(Arc::as_ptr(store));
    let (_, settled) = entry.or_insert_with(|| {
        let settled = store.apart().map_or_else(|| store.clone(), Arc::new);
        (store.clone(), settled)
    });
    if Arc::ptr_eq(store, settled) {
        return constant.clone();
    }
    Arc::new(Constant { name: constant.name.clone(), tensor: constant.tensor.stored(settled.clone()) })
}
