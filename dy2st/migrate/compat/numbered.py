"""Blocks by their numbers: the block in work, its parent, and building on in another one."""

import paddle

numbered_blocks = shared("numbered_blocks", [])  # blocks that were asked for their number
places_left = shared("places_left", {})  # number of a block: where it is built on


def current_block(program):
    """The block of a program that operations are put into; other objects are asked for theirs."""
    if not hasattr(program, "global_block"):
        return program.current_block()
    block = paddle.base.libpaddle.pir.get_current_insertion_point().block()
    return block if block.program == program else program.global_block()


def block_idx(block):
    """A number for a block, 0 for its program itself."""
    if not isinstance(block, paddle.pir.Block):
        return block.idx
    if block == block.program.global_block():
        return 0
    for number, known in enumerate(numbered_blocks, 1):
        if known == block:
            return number
    numbered_blocks.append(block)
    return len(numbered_blocks)


def block_parent_idx(block):
    """The number of the block around a block; -1 for a program itself."""
    if not isinstance(block, paddle.pir.Block):
        return block.parent_idx
    if block == block.program.global_block():
        return -1
    return block_idx(block.parent_op.get_parent_block())


def go_to_block(program, index):
    """Build on in another block: before the operation that the block in work is part of."""
    if not hasattr(program, "global_block"):
        program.current_block_idx = index
        return
    pir = paddle.base.libpaddle.pir
    here, block = pir.get_current_insertion_point(), program_block(program, index)
    if here.block() == block:
        return
    places_left[block_idx(here.block())] = here
    inner, op = here.block(), None
    while inner is not None and inner != block:
        op = inner.parent_op
        inner = None if op is None or inner == program.global_block() else op.get_parent_block()
    if inner is None:
        pir.set_insertion_point(places_left[index])
    else:
        pir.set_insertion_point(op)
