/* The folders of a daemon and one domain, 'a', in them; it may run, with the test at the far end of
 * its monitor. */
#pragma once

#include <sys/socket.h>

#include "qemu/life/life.h"
#include "unit.h"

static Paths paths;
static char *root;
static Vm *vm;
static int far_end = -1; /* of the monitor; -1: there is none */

/* document defines the domain. */
static inline void
vm_world_begin(const char *document)
{
    g_autofree char *folder = NULL, *path = NULL;

    root = g_dir_make_tmp("vmd-unit-XXXXXX", NULL);
    paths_init_system(&paths, root);
    assert_true(paths_make(&paths, NULL));
    bus_init(BUS_NONE);
    objects_init(&paths);
    folder = g_build_filename(paths.etc, "qemu", NULL);
    path = g_build_filename(folder, "a.xml", NULL);
    assert_true(dir_make(folder, 0700, NULL));
    assert_true(g_file_set_contents(path, document, -1, NULL));
    qemu_register();
    assert_true(qemu_init(&paths, NULL));
    vm = vm_find_name("a");
    assert_non_null(vm);
}

/* A run as it is while the rows of a start are done. */
static inline void
vm_world_start(void)
{
    vm->run = run_new(vm, define_copy(vm, NULL));
    aliases_assign(run_alter(vm->run), vm->run->dir);
}

/* And as it is when they all are. */
static inline void
vm_world_run(const QmpOps *ops)
{
    int fds[2];

    vm_world_start();
    vm->run->complete = TRUE;
    assert_true(dir_make(vm->run->dir, 0700, NULL));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    vm->run->qmp = qmp_new(fds[0], ops, NULL);
    far_end = fds[1];
}

static inline void
vm_world_end(void)
{
    vm_run_over(vm);
    fd_close(&far_end);
    qemu_done();
    bus_done();
    assert_true(dir_remove(root, NULL));
    paths_done(&paths);
    g_clear_pointer(&root, g_free);
}
