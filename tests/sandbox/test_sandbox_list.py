"""The list of messages and its pages, as the unmodified SDK sees them."""

import pytest
import requests

from tests.sandbox.desk import ACCOUNT, CUSTOMER, OTHER, TOKEN


def test_pages_hold_every_message_once_newest_first(client, send):
    sids = [send(body=str(i)).sid for i in range(5)]
    assert [m.sid for m in client.messages.list(page_size=2)] == sids[::-1]


def test_a_message_sent_between_two_pages_moves_nothing(client, send):
    sids = [send().sid for _ in range(4)]
    page = client.messages.page(page_size=2)
    send()
    assert [m.sid for m in page.next_page()] == [sids[1], sids[0]]


def test_a_page_says_where_it_is(sandbox, send):
    sids = [send().sid for _ in range(3)]
    base = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    where = f"{base}?To=%2B15558675310&PageSize=2"
    answer = requests.get(sandbox.url + where, auth=(ACCOUNT, TOKEN), timeout=5).json()
    assert len(answer.pop("messages")) == 2
    assert answer == {
        "first_page_uri": f"{where}&Page=0",
        "next_page_uri": f"{where}&Page=1&PageToken=PA{sids[1]}",
        "previous_page_uri": None,
        "uri": f"{where}&Page=0",
        "page": 0,
        "page_size": 2,
        "start": 0,
        "end": 1,
    }


def test_an_empty_list_is_a_page_too(client):
    assert client.messages.list() == []


@pytest.mark.parametrize("query", ["Page=x", "PageSize=x", "PageToken=PAx"])
def test_a_bad_page_is_a_400(sandbox, query):
    url = f"{sandbox.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}"
    assert requests.get(url, auth=(ACCOUNT, TOKEN), timeout=5).status_code == 400


def test_the_list_can_be_that_of_one_number(client, send):
    mine, other = send().sid, send(to=OTHER).sid
    assert [m.sid for m in client.messages.list(to=CUSTOMER)] == [mine]
    assert [m.sid for m in client.messages.list()] == [other, mine]
