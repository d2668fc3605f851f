/* The row language: what is read, written, refused, copied and compared. */
#include "base/base.h"
#include "unit.h"

typedef struct Item {
    char *name;
    guint32 port;
    guint8 has_port;
} Item;

enum { FRUIT_APPLE = 1, FRUIT_PEAR };

typedef struct Box {
    int fruit;
    char *skin;    /* apple */
    guint32 seeds; /* pear */
    guint64 size;
    guint32 slot;
    Bitmap *cpus;
    gboolean shut;
    char *note;
    char *secret;
    char *raw;
    GPtrArray *items;
    Item *rare;
    guint8 uuid[UUID_LEN];
} Box;

static const char *const fruits[] = { NULL, "apple", "pear", NULL };

static const Field item_fields[] = {
    ROW(Item, "@name", F_STRING, name, F_REQUIRED, NULL, "Name."),
    ROW_HAS(Item, "@port", F_U32, port, 0, RANGE(0, 100), "Port."),
    ROW_END,
};
static const Schema item_schema = { "item", sizeof(Item), item_fields };

static const Field box_fields[] = {
    ROW(Box, "@fruit", F_ENUM, fruit, F_ERR(ERR_CONFIG_UNSUPPORTED), fruits, "Fruit."),
    ROW(Box, "uuid", F_UUID, uuid, 0, NULL, "UUID."),
    WHEN(Box, fruit, BIT(FRUIT_APPLE)),
    ROW(Box, "inside/@skin", F_STRING, skin, 0, NULL, "Skin."),
    WHEN(Box, fruit, BIT(FRUIT_PEAR)),
    ROW(Box, "inside/@seeds", F_U32, seeds, 0, NULL, "Seeds."),
    WHEN_END,
    ROW(Box, "inside/@slot", F_U32, slot, 0, HEX(4, 0xffff), "Slot."),
    ROW(Box, "inside/deep/cpus", F_BITMAP, cpus, 0, NULL, "CPUs."),
    ROW(Box, "size", F_SIZE, size, 0, &size_kib, "Size."),
    ROW(Box, "shut", F_FLAG, shut, 0, NULL, "Shut."),
    ROW(Box, "note", F_STRING, note, 0, NULL, "Note."),
    ROW(Box, "secret", F_STRING, secret, F_SECRET, NULL, "Secret."),
    ROW(Box, "metadata", F_XML, raw, 0, NULL, "Anything."),
    ROW(Box, "items/item", F_LIST, items, 0, &item_schema, "Items."),
    ROW(Box, "rare", F_PTR, rare, 0, &item_schema, "Rare."),
    ROW_REFUSED("bomb", "Not here."),
    ROW_END,
};
static const Schema box_schema = { "box", sizeof(Box), box_fields };

static const char whole[] = "<box fruit='apple'>\n"
                            "  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\n"
                            "  <inside skin='a&amp;b&apos;' slot='0x001f'>\n"
                            "    <deep>\n"
                            "      <cpus>0-2,8</cpus>\n"
                            "    </deep>\n"
                            "  </inside>\n"
                            "  <size unit='KiB'>2048</size>\n"
                            "  <shut/>\n"
                            "  <note>x &lt; y</note>\n"
                            "  <metadata><a:b xmlns:a=\"urn:a\">  t </a:b></metadata>\n"
                            "  <items>\n"
                            "    <item name='one' port='0'/>\n"
                            "    <item name='two'/>\n"
                            "  </items>\n"
                            "  <rare name='r'/>\n"
                            "</box>\n";

static Box *
parse(const char *xml, guint flags, GError **err)
{
    return xml_parse(&box_schema, NULL, xml, -1, flags, err);
}

static void
assert_refused(const char *xml, guint flags, Err code, const char *message)
{
    g_autoptr(GError) err = NULL;

    assert_null(parse(xml, flags, &err));
    assert_true(error_is(err, code));
    assert_non_null(strstr(err->message, message));
}

static void
what_is_written_reads_the_same(void **state)
{
    Box *box = parse(whole, XML_VALIDATE, NULL);
    Box *copy = schema_copy(&box_schema, box);
    g_autofree char *xml = xml_format(&box_schema, NULL, copy, 0);

    assert_string_equal(xml, whole);
    assert_true(schema_equal(&box_schema, box, copy));
    bitmap_set(copy->cpus, 3);
    assert_false(schema_equal(&box_schema, box, copy));
    schema_free(&box_schema, box);
    schema_free(&box_schema, copy);
}

static void
numbers_are_read_as_c_reads_them(void **state)
{
    static const char *const good[] = { "5", "+5", " 5", "\n\t+5", "05" };
    static const char *const bad[] = { "5 ", "5\n", "-5", "+ 5", "+", "+-5", "5x", "0x5" };

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *xml = g_strdup_printf("<box><size>%s</size></box>", good[i]);
        Box *box = parse(xml, 0, NULL);

        assert_int_equal(box->size, 5);
        schema_free(&box_schema, box);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *xml = g_strdup_printf("<box><size>%s</size></box>", bad[i]);

        assert_refused(xml, 0, ERR_XML_VALUE, "Expected non-negative integer value (line 1)");
    }
}

/* ---- one struct in several elements */

typedef struct Drawer {
    char *label;
    guint32 knobs;
    GPtrArray *items;
    Item *lock;
} Drawer;

typedef struct Desk {
    Drawer first, field, last;
} Desk;

static const Field drawer_fields[] = {
    ROW(Drawer, "@label", F_STRING, label, 0, NULL, "Label."),
    ROW(Drawer, "front/@knobs", F_U32, knobs, 0, NULL, "Knobs."),
    ROW(Drawer, "item", F_LIST, items, 0, &item_schema, "Items."),
    ROW(Drawer, "lock", F_PTR, lock, 0, &item_schema, "Lock."),
    ROW_END,
};
static const Schema first_schema = { "first", sizeof(Drawer), drawer_fields };
static const Schema field_schema = { "field", sizeof(Drawer), drawer_fields,
                                     .several = SEVERAL_FIRST_FIELD };
static const Schema last_schema = { "last", sizeof(Drawer), drawer_fields,
                                    .several = SEVERAL_LAST_FIELD };

static const Field desk_fields[] = {
    ROW(Desk, "first", F_STRUCT, first, 0, &first_schema, "First."),
    ROW(Desk, "field", F_STRUCT, field, F_JOINED, &field_schema, "Field."),
    ROW(Desk, "last", F_STRUCT, last, 0, &last_schema, "Last."),
    ROW_END,
};
static const Schema desk_schema = { "desk", sizeof(Desk), desk_fields };

static void
a_field_may_stand_in_several_elements(void **state)
{
#define TWICE(name)                                                                                \
    "<" name "><front/><lock name='a'/></" name ">"                                                \
    "<" name " label='b'><front knobs='1'/><front knobs='2'/><lock name='c' port='3'/></" name ">"
    Desk *desk = xml_parse(&desk_schema, NULL,
                           "<desk>" TWICE("first") TWICE("field") TWICE("last") "</desk>", -1, 0,
                           NULL);

    assert_null(desk->first.label);
    assert_int_equal(desk->first.knobs, 0);
    assert_string_equal(desk->first.lock->name, "a");
    assert_string_equal(desk->field.label, "b");
    assert_int_equal(desk->field.knobs, 1);
    assert_string_equal(desk->field.lock->name, "a");
    assert_false(desk->field.lock->has_port);
    assert_string_equal(desk->last.label, "b");
    assert_int_equal(desk->last.knobs, 2);
    assert_string_equal(desk->last.lock->name, "c");
    assert_int_equal(desk->last.lock->port, 3);
    schema_free(&desk_schema, desk);
}

static void
rows_hold_only_when_they_hold(void **state)
{
    Box *box = parse("<box fruit='pear'><inside skin='thin' seeds='5'/></box>", 0, NULL);

    assert_null(box->skin);
    assert_int_equal(box->seeds, 5);
    schema_free(&box_schema, box);
    assert_refused("<box fruit='pear'><inside skin='thin'/></box>", XML_VALIDATE, ERR_XML_SCHEMA,
                   "unknown attribute 'skin' in element 'inside'");
}

static void
units_are_converted(void **state)
{
    Box *box = parse("<box><size unit='MiB'>2</size><inside slot='0x1f'/></box>", 0, NULL);

    assert_int_equal(box->size, 2048);
    assert_int_equal(box->slot, 31);
    schema_free(&box_schema, box);
    assert_refused("<box><size unit='KIBx'>2</size></box>", 0, ERR_INVALID_ARG, "KIBx");
    assert_refused("<box><size unit='E'>99999999</size></box>", 0, ERR_OVERFLOW, "too large");
}

static void
secrets_are_written_on_demand(void **state)
{
    Box *box = parse("<box><secret>s3</secret></box>", 0, NULL);
    g_autofree char *plain = xml_format(&box_schema, NULL, box, 0);
    g_autofree char *all = xml_format(&box_schema, NULL, box, XML_SECURE);

    assert_string_equal(plain, "<box/>\n");
    assert_non_null(strstr(all, "<secret>s3</secret>"));
    schema_free(&box_schema, box);
}

static void
errors_name_place_and_line(void **state)
{
    assert_refused(
        "<box\nfruit='plum'/>", 0, ERR_CONFIG_UNSUPPORTED,
        "Invalid value for attribute 'fruit' in element 'box': 'plum'. It may be apple, pear (line 2)");
    assert_refused("<box fruit='appel'/>", 0, ERR_CONFIG_UNSUPPORTED, "Did you mean 'apple'?");
    assert_refused("<box>\n<items>\n<item/></items></box>", 0, ERR_XML_VALUE,
                   "Missing required attribute 'name' in element 'item' (line 3)");
    assert_refused("<box><items><item name='a' port='101'/></items></box>", 0, ERR_XML_VALUE,
                   "'101'");
    assert_refused("<box><items><item name='a' port='-1'/></items></box>", 0, ERR_XML_VALUE,
                   "'-1'");
    assert_refused("<box>\n\n<bomb/></box>", 0, ERR_CONFIG_UNSUPPORTED, "'bomb' in 'box'");
    assert_refused("<box><new/></box>", XML_VALIDATE, ERR_XML_SCHEMA, "unknown element 'new'");
    assert_refused("<crate/>", 0, ERR_XML, "unexpected root element <crate>, expecting <box>");
}

static void
what_is_no_document_is_refused(void **state)
{
    g_autofree char *huge = g_strnfill(9 << 20, ' ');
    g_autoptr(GString) deep = g_string_new(NULL);

    for (int i = 0; i < 10000; i++)
        g_string_append(deep, "<box>");
    assert_refused("", 0, ERR_XML_DETAIL, "");
    assert_refused("<box", 0, ERR_XML_DETAIL, "(box_definition):1:");
    assert_refused(deep->str, 0, ERR_XML_DETAIL, "");
    assert_refused(huge, 0, ERR_XML_DETAIL, "larger than");
    assert_refused(
        "<!DOCTYPE box [<!ENTITY a 'x'><!ENTITY b '&a;&a;&a;'>]><box><note>&b;</note></box>", 0,
        ERR_XML_DETAIL, "entities");
}

static void
bitmaps_are_read_and_written(void **state)
{
    g_autoptr(Bitmap) b = bitmap_parse("0-3,^2, 70", NULL);
    g_autofree char *text = bitmap_format(b);

    assert_string_equal(text, "0-1,3,70");
    assert_int_equal(bitmap_count(b), 4);
    assert_int_equal(bitmap_last(b), 70);
    assert_int_equal(bitmap_next(b, 3), 70);
    assert_null(bitmap_parse("aaa", NULL));
    assert_null(bitmap_parse("3-1", NULL));
    assert_null(bitmap_parse("99999999", NULL));
}

/* A code of a row's own is no flag of it, and none of the flags is a code. */
static void
flags_and_codes_are_apart(void **state)
{
    static const Field fields[] = {
        ROW(Item, "@name", F_STRING, name,
            F_ONCE | F_TEXT | F_ERR(ERR_INTERNAL) | F_MISSING(ERR_NO_NAME), NULL, NULL),
        ROW(Item, "@port", F_U32, port, F_TEXT, NULL, NULL),
        ROW_END,
    };
    const guint32 all = G_MAXUINT32;

    assert_int_equal(fields[0].flags, F_ONCE | F_TEXT | F_REQUIRED);
    assert_int_equal(fields[0].wrong, ERR_INTERNAL + 1);
    assert_int_equal(fields[0].missing, ERR_NO_NAME + 1);
    assert_int_equal(fields[1].flags, F_TEXT);
    assert_int_equal(fields[1].wrong | fields[1].missing, 0);
    assert_int_equal(F_ERR(ERR_NO_NAME) & all, 0);
    assert_true((F_MISSING(ERR_NO_NAME) & all) == F_REQUIRED);
}

static void
what_nobody_knows_is_noted(void **state)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) many = g_string_new("<box>");
    Box *box = xml_parse_noting(&box_schema, NULL,
                                "<box fruit='apple'\n shade='dark'>\n<items>\n<item name='a'\n"
                                "/><thing/></items></box>",
                                -1, 0, unknown, NULL);

    assert_int_equal(unknown->len, 2);
    assert_string_equal(unknown->pdata[0],
                        "attribute 'shade' in element 'box' (line 2) is not known "
                        "and has no effect");
    assert_string_equal(unknown->pdata[1],
                        "element 'thing' in element 'items' (line 5) is not known "
                        "and has no effect");
    schema_free(&box_schema, box);
    g_ptr_array_set_size(unknown, 0);
    for (int i = 0; i < 20; i++)
        g_string_append(many, "<odd/>");
    box = xml_parse_noting(&box_schema, NULL, g_string_append(many, "</box>")->str, -1, 0, unknown,
                           NULL);
    assert_int_equal(unknown->len, 9);
    assert_string_equal(unknown->pdata[8], "12 more are not known and have no effect");
    schema_free(&box_schema, box);
}

/* Each field that is there leads to the line where it was written. */
static gboolean
note_line(const char *path, const Schema *s, const Field *f, gconstpointer at, gpointer user)
{
    g_string_append_printf(user, "%s %ld\n", path, xml_line(whole, path));
    return strcmp(path, "rare/@name") != 0;
}

static void
a_walk_leads_to_lines(void **state)
{
    Box *box = parse(whole, 0, NULL);
    g_autoptr(GString) lines = g_string_new(NULL);

    assert_false(schema_walk(&box_schema, box, note_line, lines));
    assert_string_equal(lines->str, "@fruit 1\nuuid 2\ninside/@skin 3\ninside/@slot 3\n"
                                    "inside/deep/cpus 5\nsize 8\nshut 9\nnote 10\nmetadata 11\n"
                                    "items/item 13\nitems/item[0]/@name 13\n"
                                    "items/item[0]/@port 13\nitems/item[1]/@name 14\n"
                                    "rare 16\nrare/@name 16\n");
    assert_int_equal(xml_line("<box>\n<items/></box>", "items/item[3]/@name"), 2);
    assert_int_equal(xml_line("no", "items"), 0);
    schema_free(&box_schema, box);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(numbers_are_read_as_c_reads_them),
        cmocka_unit_test(a_field_may_stand_in_several_elements),
        cmocka_unit_test(rows_hold_only_when_they_hold),
        cmocka_unit_test(units_are_converted),
        cmocka_unit_test(secrets_are_written_on_demand),
        cmocka_unit_test(errors_name_place_and_line),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(bitmaps_are_read_and_written),
        cmocka_unit_test(flags_and_codes_are_apart),
        cmocka_unit_test(a_walk_leads_to_lines),
        cmocka_unit_test(what_nobody_knows_is_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
