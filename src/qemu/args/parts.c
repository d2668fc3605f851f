/* Parts, and their two forms: the command line's and QMP's. */
#include "args_priv.h"

#include <string.h>

static const struct {
    const char *option, *add, *remove;
    const char *id; /* the member that names it, in props and in both commands */
} verbs[N_PART_VERBS] = {
    [ADD_OBJECT] = { "-object", "object-add", "object-del", "id" },
    [ADD_BLOCKDEV] = { "-blockdev", "blockdev-add", "blockdev-del", "node-name" },
    [ADD_CHARDEV] = { "-chardev", "chardev-add", "chardev-remove", "id" },
    [ADD_NETDEV] = { "-netdev", "netdev_add", "netdev_del", "id" },
    [ADD_DEVICE] = { "-device", "device_add", "device_del", "id" },
};

Part *
part_new(PartVerb verb, json_object *props)
{
    Part *part = g_new(Part, 1);

    *part = (Part){ .verb = verb, .props = props };
    return part;
}

void
part_free(Part *part)
{
    json_object_put(part->props);
    g_free(part);
}

const char *
part_id(const Part *part)
{
    return json_str(part->props, verbs[part->verb].id);
}

/* ---- the command line */

static void
add_value(GString *s, json_object *value)
{
    g_autofree char *escaped = NULL;

    if (json_object_is_type(value, json_type_boolean)) {
        g_string_append(s, json_object_get_boolean(value) ? "on" : "off");
        return;
    }
    escaped = args_escape(json_object_get_string(value));
    g_string_append(s, escaped);
}

/* -chardev has no JSON form: "socket,id=char0,path=/run/x,server=on", commas in values doubled. */
static char *
chardev_text(json_object *props)
{
    GString *s = g_string_new(NULL);

    json_object_object_foreach(props, name, value)
    {
        if (!g_str_equal(name, "backend"))
            g_string_append_printf(s, ",%s=", name);
        add_value(s, value);
    }
    return g_string_free(s, FALSE);
}

static char *
json_text(json_object *props)
{
    return g_strdup(json_object_to_json_string_ext(props, JSON_C_TO_STRING_PLAIN |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
}

void
part_argv(const Part *part, GPtrArray *argv)
{
    g_ptr_array_add(argv, g_strdup(verbs[part->verb].option));
    g_ptr_array_add(argv,
                    part->verb == ADD_CHARDEV ? chardev_text(part->props) : json_text(part->props));
}

/* ---- QMP */

/* Where an option of -chardev stands in the data of a ChardevBackend, if not under its own name:
 * in a SocketAddress ("addr", "remote" or "local") of a type. */
static const struct {
    const char *backend, *option;
    const char *address, *type;
    const char *member;
} places[] = {
    { "socket", "path", "addr", "unix", "path" },
    { "socket", "host", "addr", "inet", "host" },
    { "socket", "port", "addr", "inet", "port" },
    { "socket", "fd", "addr", "fd", "str" },
    { "udp", "host", "remote", "inet", "host" },
    { "udp", "port", "remote", "inet", "port" },
    { "udp", "localaddr", "local", "inet", "host" },
    { "udp", "localport", "local", "inet", "port" },
    { "file", "path", NULL, NULL, "out" },
    { "pipe", "path", NULL, NULL, "device" },
    { "serial", "path", NULL, NULL, "device" },
    { "parallel", "path", NULL, NULL, "device" },
    { "spicevmc", "name", NULL, NULL, "type" },
    { "spiceport", "name", NULL, NULL, "fqdn" },
};

static json_object *
member_object(json_object *parent, const char *name)
{
    json_object *o = NULL;

    if (!json_object_object_get_ex(parent, name, &o)) {
        o = json_object_new_object();
        json_object_object_add(parent, name, o);
    }
    return o;
}

/* SocketAddressLegacy: the type, and the data of that type. */
static json_object *
address_data(json_object *data, const char *name, const char *type)
{
    json_object *address = member_object(data, name);

    json_object_object_add(address, "type", json_object_new_string(type));
    return member_object(address, "data");
}

/* A SocketAddress has its numbers as strings. */
static void
place_option(json_object *data, const char *backend, const char *option, json_object *value)
{
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        if (!g_str_equal(places[i].backend, backend) || !g_str_equal(places[i].option, option))
            continue;
        if (places[i].address) {
            data = address_data(data, places[i].address, places[i].type);
            value = json_object_new_string(json_object_get_string(value));
        } else {
            json_object_get(value);
        }
        json_object_object_add(data, places[i].member, value);
        return;
    }
    json_object_object_add(data, option, json_object_get(value));
}

static json_object *
chardev_arguments(json_object *props)
{
    json_object *arguments = json_object_new_object(), *backend = json_object_new_object(),
                *data = json_object_new_object();
    const char *type = json_str(props, "backend");

    json_object_object_add(arguments, "id", json_object_new_string(json_str(props, "id")));
    json_object_object_add(arguments, "backend", backend);
    json_object_object_add(backend, "type", json_object_new_string(type));
    json_object_object_add(backend, "data", data);
    json_object_object_foreach(props, name, value)
    {
        if (!g_str_equal(name, "backend") && !g_str_equal(name, "id"))
            place_option(data, type, name, value);
    }
    /* The command listens where the option connects. */
    if (g_str_equal(type, "socket") && !json_object_object_get_ex(data, "server", NULL))
        json_object_object_add(data, "server", json_object_new_boolean(FALSE));
    return arguments;
}

const char *
part_add(const Part *part, json_object **arguments)
{
    *arguments = part->verb == ADD_CHARDEV ? chardev_arguments(part->props)
                                           : json_object_get(part->props);
    return verbs[part->verb].add;
}

const char *
part_remove(const Part *part, json_object **arguments)
{
    *arguments = json_object_new_object();
    json_object_object_add(*arguments, verbs[part->verb].id, json_object_new_string(part_id(part)));
    return verbs[part->verb].remove;
}
