/* A part is one thing that QEMU makes for a device: a chardev, a netdev, a node of the block graph,
 * an object, and the device itself. The builders of args_*.c give parts; a start renders them as
 * words of the command line. A plug sends them as commands of QMP (qemu-qmp-ref(7)), so that a
 * device that comes to a running guest is the same as one that it began with.
 */
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

/* props are what -object, -blockdev, -netdev and -device take as JSON, and the arguments of the
 * command that adds one. Those of a chardev are flat, in the words of -chardev: "backend" first,
 * then "id", then options of strings, numbers and booleans.
 */
typedef struct Part {
    PartVerb verb;
    json_object *props;
} Part;

/* Takes props. The caller frees the part. */
Part *part_new(PartVerb verb, json_object *props);
void part_free(Part *part);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Part, part_free)

/* The name that QEMU knows the part by: its id, or the name of its node. Borrowed from the part. */
const char *part_id(const Part *part);
/* Adds the option and its value, two strings that argv owns, to a list that frees with g_free. */
void part_argv(const Part *part, GPtrArray *argv);
/* The command that makes the part, or takes it away again; *arguments is the caller's to put. The
 * answer is a constant. A device is gone only with its event DEVICE_DELETED. */
const char *part_add(const Part *part, json_object **arguments);
const char *part_remove(const Part *part, json_object **arguments);
