# Each test lists the sources that it needs, so that running one builds nothing else.
set(filter_sources sampling/candidates.cpp sampling/filters.cpp)
set(allocations ${PROJECT_SOURCE_DIR}/csrc/testing/allocations.cpp)

po_add_test(text_out_test SOURCES text_out_test.cpp text_out.cpp stop_matcher.cpp utf8.cpp)
po_add_test(filters_test SOURCES sampling/filters_test.cpp ${filter_sources})
po_add_test(sampler_test SOURCES sampler_test.cpp sampler.cpp sampling/mirostat.cpp sampling/penalties.cpp
                                 ${filter_sources} ${allocations})
po_add_test(logprobs_test SOURCES logprobs_test.cpp logprobs.cpp sampling/candidates.cpp)

po_add_test(prefix_index_test SOURCES memory/prefix_index_test.cpp memory/prefix_index.cpp)
po_add_test(cell_ledger_test SOURCES memory/cell_ledger_test.cpp memory/cell_ledger.cpp)
po_add_test(planner_test SOURCES schedule/planner_test.cpp schedule/planner.cpp)
po_add_test(pace_test SOURCES schedule/pace_test.cpp)
po_add_test(repeat_guard_test SOURCES schedule/repeat_guard_test.cpp)
po_add_test(transcript_test SOURCES schedule/transcript_test.cpp)
po_add_test(admission_test SOURCES schedule/admission_test.cpp)
po_add_test(cancel_board_test SOURCES cancel_board_test.cpp cancel_board.cpp)
po_add_test(events_test SOURCES events_test.cpp events.cpp)
po_add_test(watchdog_test SOURCES watchdog_test.cpp watchdog.cpp)
po_add_test(kv_pool_test SOURCES memory/kv_pool_test.cpp LIBS po_engine)
po_add_test(embed_job_test SOURCES embed_job_test.cpp)
po_add_test(row_kernels_test SOURCES row_kernels_test.cpp LIBS po_engine)
