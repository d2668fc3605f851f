/* A part is one thing that QEMU makes for a device: a chardev, a netdev, a node of the block graph,
 * an object, or the device itself. The builders in args_*.c produce parts. A start turns them into
 * words of the command line; a plug sends them as commands of QMP (qemu-qmp-ref(7)), so that a
 * device that is plugged in is the same as one that was there from the start. */
#pragma once

#include "base/base.h"

typedef enum PartVerb {
    ADD_OBJECT,
    ADD_BLOCKDEV,
    ADD_CHARDEV,
    ADD_NETDEV,
    ADD_DEVICE,
    N_PART_VERBS
} PartVerb;

/* props are the properties that -object, -blockdev, -netdev and -device take as JSON, which are
 * also the arguments of the QMP command. Those of a chardev are flat, in the words of -chardev:
 * "backend" first, then "id", then options that are strings, numbers and booleans. */
typedef struct Part {
    PartVerb verb;
    json_object *props;
} Part;

/* Takes props. The caller frees the part. */
Part *part_new(PartVerb verb, json_object *props);
void part_free(Part *part);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Part, part_free)

/* The name by which QEMU knows the part: its id, or the name of its node. Borrowed from the part.
 */
const char *part_id(const Part *part);
/* Appends the option and its value to argv: two strings, which g_free frees. */
void part_argv(const Part *part, GPtrArray *argv);
/* part_add and part_remove return the QMP command that makes the part, or removes it; the name is a
 * constant, and the caller puts *arguments. A device is gone only when its event DEVICE_DELETED
 * comes. */
const char *part_add(const Part *part, json_object **arguments);
const char *part_remove(const Part *part, json_object **arguments);
