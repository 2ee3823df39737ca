/* Pictures as half blocks, and blocks of lines side by side. */
#include "support.h"

#include "view/view.h"

#define HALF "\xe2\x96\x80"

static base_picture picture_of(int width, int height, const uint8_t *rgb)
{
    base_picture p = {.width = width, .height = height};
    p.rgb = base_alloc((size_t)(3 * width * height));
    memcpy(p.rgb, rgb, (size_t)(3 * width * height));
    return p;
}

static void a_cell_holds_the_upper_pixel_in_front_and_the_lower_behind(void **state)
{
    (void)state;
    const uint8_t rgb[] = {255, 0, 0, 0, 0, 255};
    base_picture p = picture_of(1, 2, rgb);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 10, 10, VIEW_COLOURS_24BIT, &lines, &err), err);
    assert_int_equal(lines.n, 1);
    assert_int_equal(lines.line[0].width, 1);
    assert_string_equal(lines.line[0].text, "\033[38;2;255;0;0m\033[48;2;0;0;255m" HALF "\033[0m");
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void a_colour_is_written_once_for_cells_that_share_it(void **state)
{
    (void)state;
    const uint8_t rgb[] = {9, 9, 9, 9, 9, 9, 7, 7, 7, 7, 7, 7};
    base_picture p = picture_of(2, 2, rgb);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 2, 1, VIEW_COLOURS_24BIT, &lines, &err), err);
    assert_string_equal(lines.line[0].text, "\033[38;2;9;9;9m\033[48;2;7;7;7m" HALF HALF "\033[0m");
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void the_256_colours_are_the_nearest_of_cube_and_greys(void **state)
{
    (void)state;
    /* pure red is 196 of the cube; (128,128,128) is 244 of the grey ramp, exactly */
    const uint8_t rgb[] = {255, 0, 0, 128, 128, 128};
    base_picture p = picture_of(1, 2, rgb);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 1, 1, VIEW_COLOURS_256, &lines, &err), err);
    assert_string_equal(lines.line[0].text, "\033[38;5;196m\033[48;5;244m" HALF "\033[0m");
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void a_last_single_row_has_no_background(void **state)
{
    (void)state;
    const uint8_t rgb[] = {1, 2, 3};
    base_picture p = picture_of(1, 1, rgb);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 4, 4, VIEW_COLOURS_24BIT, &lines, &err), err);
    assert_string_equal(lines.line[0].text, "\033[38;2;1;2;3m" HALF "\033[0m");
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void without_colours_there_are_shades_and_no_escape(void **state)
{
    (void)state;
    const uint8_t rgb[] = {0, 0, 0, 255, 255, 255, 0, 0, 0, 255, 255, 255};
    base_picture p = picture_of(2, 2, rgb);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 2, 1, VIEW_COLOURS_NONE, &lines, &err), err);
    assert_string_equal(lines.line[0].text, " \xe2\x96\x88");
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void a_picture_fits_its_cells_and_keeps_its_aspect(void **state)
{
    (void)state;
    base_picture p = {.width = 400, .height = 200};
    p.rgb = base_calloc(400 * 200, 3);
    view_lines lines = {0};
    lancelet_error err;
    assert_ok(view_blocks(&p, 40, 40, VIEW_COLOURS_256, &lines, &err), err);
    assert_int_equal(lines.n, 10); /* 40 x 20 pixels are 40 x 10 cells */
    assert_int_equal(view_lines_width(&lines), 40);
    view_lines_free(&lines);
    assert_ok(view_blocks(&p, 40, 4, VIEW_COLOURS_256, &lines, &err), err);
    assert_int_equal(lines.n, 4);
    assert_int_equal(view_lines_width(&lines), 16);
    view_lines_free(&lines);
    base_picture_free(&p);
}

static void blocks_stand_side_by_side_without_trailing_blanks(void **state)
{
    (void)state;
    view_lines blocks[2] = {{0}, {0}};
    assert_true(view_lines_add(&blocks[0], base_strdup("ab"), 2));
    assert_true(view_lines_add(&blocks[0], base_strdup("abcd"), 4));
    assert_true(view_lines_add(&blocks[0], base_strdup("e"), 1));
    assert_true(view_lines_add(&blocks[1], base_strdup("X"), 1));
    assert_true(view_lines_add(&blocks[1], base_strdup("Y"), 1));
    size_t widths[2] = {4, 1};
    base_buffer out = {0};
    assert_true(view_lines_join(blocks, widths, 2, 2, &out));
    char *text = base_buffer_to_string(&out);
    assert_string_equal(text, "ab    X\nabcd  Y\ne\n");
    base_free(text);
    view_lines_free(&blocks[0]);
    view_lines_free(&blocks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_holds_the_upper_pixel_in_front_and_the_lower_behind),
        cmocka_unit_test(a_colour_is_written_once_for_cells_that_share_it),
        cmocka_unit_test(the_256_colours_are_the_nearest_of_cube_and_greys),
        cmocka_unit_test(a_last_single_row_has_no_background),
        cmocka_unit_test(without_colours_there_are_shades_and_no_escape),
        cmocka_unit_test(a_picture_fits_its_cells_and_keeps_its_aspect),
        cmocka_unit_test(blocks_stand_side_by_side_without_trailing_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
